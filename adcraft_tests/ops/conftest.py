"""What the operational tests need, and saying so where it is missing."""

import json
import shutil
from importlib.util import find_spec

import pytest

from adcraft_tests.graph.conftest import write_ad
from adcraft_tests.loopback_server import loopback_server, status
from adcraft_tests.ops.deployment import Deployment, Postgres, chromium, postgres_bin


@pytest.fixture(scope="session")
def postgres_needed():
    if postgres_bin() is None:
        pytest.skip("needs a PostgreSQL server: apt-get install postgresql")
    if find_spec("dagster_postgres") is None:
        pytest.skip("needs dagster-postgres: pip install -r requirements-ops.txt")


@pytest.fixture(scope="session")
def browser_path():
    found = chromium()
    if found is None:
        pytest.skip("needs a browser: apt-get install chromium")
    if find_spec("playwright") is None:
        pytest.skip("needs playwright: pip install -r requirements-ops.txt")
    return found


class Site:
    """A folder of drawn ads and a config over them."""

    def __init__(self, folder):
        self.folder, self.config = folder, folder / "config.json"

    def write(self, products, disabled=(), **more):
        told = [
            {"id": name, "videos": [self._told(video, disabled) for video in videos]}
            for name, videos in products.items()
        ]
        beside = self.folder / ".config.json"
        beside.write_text(json.dumps({"variants_per_video": 2, "products": told, **more}))
        beside.replace(self.config)
        return self

    def _told(self, video, disabled):
        return {
            "id": video,
            "url": str(self.folder / f"{video}.mp4"),
            **({"disabled": True} if video in disabled else {}),
        }

    def draw(self, video, seed):
        beside = self.folder / f".{video}.mp4"
        write_ad(beside, seed)
        beside.replace(self.folder / f"{video}.mp4")

    def variants(self, product, video):
        return sorted(path.name for path in (self.folder / "results" / product / video).glob("*.mp4"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    yield Site(folder)
    shutil.rmtree(folder, ignore_errors=True)


SECRET = "T0KEN-4711"
"""The part of the webhook's address that must stay in the environment."""


@pytest.fixture(scope="module")
def webhook():
    """A receiver of what the deployment tells; its messages by `told()`."""
    with loopback_server() as server:
        server.routes[f"/hook/{SECRET}"] = status(200, body=b"ok")
        server.told = lambda: [json.loads(one.body) for one in server.seen]
        yield server


@pytest.fixture(scope="module")
def deployment(postgres_needed, site, webhook):
    address = webhook.url(f"/hook/{SECRET}")
    made = Deployment(site.folder, site.config, Postgres(), ADCRAFT_WEBHOOK_URL=address)
    yield made
    made.stop()
