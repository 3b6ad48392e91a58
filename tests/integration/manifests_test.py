"""The Kubernetes manifests: they parse, their mounts fit, and the configuration in them is right."""

import pathlib
import subprocess

import pytest
import yaml
from stack import RINGSIDE

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "kubernetes"


def documents(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def pod(name):
    top = documents(name)[0]
    return top["spec"] if top["kind"] == "Pod" else top["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", ["sidecar.yaml", "daemonset.yaml"])
def test_every_mount_has_its_volume_and_every_volume_its_mount(name):
    spec = pod(name)
    volumes = {volume["name"] for volume in spec["volumes"]}
    containers = spec["containers"] + spec.get("initContainers", [])
    assert {mount["name"] for container in containers for mount in container["volumeMounts"]} == volumes


@pytest.mark.parametrize("name", ["sidecar.yaml", "daemonset.yaml"])
def test_the_configuration_is_right_and_its_directories_are_mounted(name, tmp_path):
    config_map = documents(name)[1]
    assert config_map["kind"] == "ConfigMap"
    file = tmp_path / "ringside.yaml"
    file.write_text(config_map["data"]["ringside.yaml"])
    check = subprocess.run([RINGSIDE, "agent", "--config", file, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
    agent = next(c for c in pod(name)["containers"] if c["name"] == "agent")
    mounts = [mount["mountPath"] for mount in agent["volumeMounts"]]
    config = yaml.safe_load(file.read_text())["agent"]
    for key in ("directory", "state"):
        assert any(config[key].startswith(mount) for mount in mounts), config[key]


def test_the_sidecar_shares_memory_and_processes_with_its_worker():
    spec = pod("sidecar.yaml")
    segments = next(v for v in spec["volumes"] if v["name"] == "segments")
    assert segments["emptyDir"]["medium"] == "Memory" and spec["shareProcessNamespace"] is True
    worker = next(c for c in spec["containers"] if c["name"] == "worker")
    environment = {entry["name"]: entry.get("value") for entry in worker["env"]}
    mount = next(m["mountPath"] for m in worker["volumeMounts"] if m["name"] == "segments")
    # Below the mount: an emptyDir itself can be written by everybody, and workers refuse that.
    assert environment["RINGSIDE_DIR"].startswith(mount + "/")


def test_the_nodes_agent_has_the_rights_that_the_docs_name():
    spec = pod("daemonset.yaml")
    assert spec["hostPID"] is True
    agent = spec["containers"][0]["securityContext"]
    assert agent["capabilities"] == {"drop": ["ALL"], "add": ["DAC_OVERRIDE", "SYS_PTRACE"]}
    docs = (FOLDER.parents[1] / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    assert all(f"`{right}`" in docs for right in agent["capabilities"]["add"])
