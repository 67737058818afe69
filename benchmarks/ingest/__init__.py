"""Day files of the vendor's true size to bars, and bars into Postgres."""
