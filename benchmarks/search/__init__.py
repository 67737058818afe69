"""What a sweep takes beside its kernels, how it grows with workers, how fast it knows the end."""
