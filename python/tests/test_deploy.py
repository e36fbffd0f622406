"""What the compose file promises to the shop's containers. Docker itself is not asked: it need not be here."""

from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
PLAN = Path(__file__).parents[3] / "shared/plan/monitoring-plan.md"


@pytest.fixture
def compose():
    return yaml.safe_load((DEPLOY / "compose.yml").read_text())


def planned_services():
    """Services and ports as the shop's own plan names them."""
    if not PLAN.exists():
        pytest.skip("the shop's plan is not beside this repository; nothing to compare with")
    block = PLAN.read_text().split("# docker-compose.elasticsearch.yml")[1].split("```")[0]
    return yaml.safe_load(block)["services"]


def test_every_service_of_the_plan_is_a_name_of_ours_with_its_port(compose):
    services = compose["services"]
    (ours,) = services.values()
    names = set(services) | set(ours["networks"]["default"]["aliases"])
    published = {port.rpartition(":")[2]: port for port in ours["ports"]}
    for name, service in planned_services().items():
        assert name in names
        for port in service.get("ports", []):
            assert port.rpartition(":")[2] in published, (name, port)


def test_names_and_ports_are_those_that_the_process_listens_on(compose):
    ours = compose["services"]["lingshao"]
    settings = yaml.safe_load((DEPLOY / "lingshao.yml").read_text())
    assert set(settings["web"]["hosts"]) == {"lingshao", *ours["networks"]["default"]["aliases"]}
    listening = {settings["web"]["listen"], *settings["listeners"].values()}
    assert {port.rpartition(":")[2] for port in ours["ports"]} == {address.rpartition(":")[2] for address in listening}
    assert all(address.startswith("0.0.0.0:") for address in listening)
    exposed = next(line for line in dockerfile() if line.startswith("EXPOSE"))
    assert set(exposed.split()[1:]) == {address.rpartition(":")[2] for address in listening}


def test_nobody_outside_of_this_machine_gets_in_without_signing_in(compose):
    ours = compose["services"]["lingshao"]
    assert "--insecure" in ours["command"]
    assert all(port.startswith("127.0.0.1:") for port in ours["ports"])


def test_it_runs_without_rights_and_keeps_its_data(compose):
    ours = compose["services"]["lingshao"]
    assert ours["read_only"] and ours["cap_drop"] == ["ALL"]
    assert "data:/data" in ours["volumes"] and "data" in compose["volumes"]
    lines = dockerfile()
    user = next(line for line in lines if line.startswith("USER"))
    assert user.split()[1].split(":")[0].isdigit() and user.split()[1] != "0:0"
    assert "VOLUME /data" in lines and "ENV LINGSHAO_DATA=/data" in lines
    assert any(line.startswith("HEALTHCHECK") and '"lingshao", "health"' in line for line in lines)


def test_what_the_image_is_built_from_exists():
    for line in dockerfile():
        for word in line.split():
            if word.startswith("deploy/"):
                assert (DEPLOY.parent / word).exists(), line


def dockerfile():
    return (DEPLOY / "Dockerfile").read_text().splitlines()
