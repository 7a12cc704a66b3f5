"""The image, judged without building it: its Dockerfile, what the build is given, and the binary it would hold."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from processes import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
GIVEN = [line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]


def instructions(of):
    """The arguments of an instruction, in order of appearance, with continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return re.findall(rf"^{of} (.*)$", joined, re.MULTILINE)


def test_dockerfile_has_no_fault_that_hadolint_knows():
    linter = pathlib.Path(sys.executable).parent / "hadolint"
    judged = subprocess.run([linter, DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_image_is_empty_but_for_the_binary_and_its_licences_and_runs_as_nobody():
    assert instructions("FROM")[-1] == "scratch"
    assert instructions("USER") == ["65532:65532"]
    assert instructions("ENTRYPOINT") == ['["/wardgate"]']
    [healthcheck] = instructions("HEALTHCHECK")
    assert json.loads(healthcheck.split("CMD ")[1]) == ["/wardgate", "healthcheck"]


def test_licences_of_what_the_binary_is_made_of_go_with_it():
    [build] = instructions("RUN")
    assert re.search(r"install -D -m 0644 -t /image/licences LICENSE NOTICE\b", build)
    assert {"LICENSE", "NOTICE"} <= set(GIVEN) and (REPOSITORY / "NOTICE").is_file()


def test_binary_is_built_to_need_no_file_beside_it():
    """Without the second flag it panicked at its first random number in a root without /dev/urandom."""
    [build] = instructions("RUN")
    assert "-C target-feature=+crt-static" in build and '--cfg getrandom_backend="linux_getrandom"' in build


def test_toolchain_is_the_one_that_the_package_names():
    package = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["package"]
    assert instructions("ARG") == [f"RUST_VERSION={package['rust-version']}"]


def test_build_is_given_all_that_cargo_asks_for_and_nothing_else(tmp_path):
    for name in GIVEN:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        elif source.exists():
            shutil.copy(source, tmp_path / name)
    line = ["cargo", "metadata", "--offline", "--locked", "--no-deps", "--format-version", "1"]
    read = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    targets = [target for package in json.loads(read.stdout)["packages"] for target in package["targets"]]
    missing = [target["src_path"] for target in targets if not pathlib.Path(target["src_path"]).exists()]
    assert not missing


def test_source_embeds_only_files_that_the_build_is_given():
    for source in (REPOSITORY / "src").rglob("*.rs"):
        # Tests are not built there.
        if source.name == "tests.rs" or "tests" in source.relative_to(REPOSITORY / "src").parts:
            continue
        for path in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', source.read_text()):
            embedded = (source.parent / path).resolve().relative_to(REPOSITORY)
            assert embedded.parts[0] in GIVEN, f"{source} embeds {embedded}"


STATIC = os.environ.get("WARDGATE_STATIC_BIN")
"""A binary built as the Dockerfile builds it; tests/run makes it."""



NOBODY = 65532
CONFIG = {
    "server": {"listen": "127.0.0.1:0"},
    "admin": {"listen": "127.0.0.1:0"},
    "store": {"url": "sqlite:/store/wardgate.db"},
    "upstreams": [{"name": "provider", "dialect": "any", "url": "https://provider.invalid"}],
}


@pytest.mark.skipif(not STATIC or os.geteuid() != 0, reason="needs WARDGATE_STATIC_BIN, and root for chroot")
class TestStaticBinary:
    def test_it_asks_for_no_interpreter_and_no_library(self):
        headers = subprocess.run(["readelf", "-ld", STATIC], capture_output=True, text=True, check=True).stdout
        assert "INTERP" not in headers and "NEEDED" not in headers

    def test_it_runs_in_an_empty_root_as_nobody(self, tmp_path):
        tmp_path.chmod(0o755)
        shutil.copy(STATIC, tmp_path / "wardgate")
        (tmp_path / "wardgate.yaml").write_text(json.dumps(CONFIG))
        (tmp_path / "store").mkdir()
        os.chown(tmp_path / "store", NOBODY, NOBODY)
        chroot = [shutil.which("chroot"), f"--userspec={NOBODY}:{NOBODY}", tmp_path]
        inside = [*chroot, "/wardgate", "--config", "/wardgate.yaml"]

        def succeeds(*line):
            done = subprocess.run([*inside, *line], env={}, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, f"{line}: {done.stderr}"

        succeeds("tenant", "create", "--name", "Acme")
        succeeds("key", "create", "--tenant", "acme")
        with subprocess.Popen([*inside, "serve"], env={}, stderr=subprocess.PIPE, text=True) as serving:
            try:
                said = (json.loads(line) for line in serving.stderr)
                succeeds("healthcheck", "--admin", next(line["admin"] for line in said if "admin" in line))
            finally:
                serving.terminate()
