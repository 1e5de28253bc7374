"""What the suites on a cluster share. `make test` loads this too, without their libraries: nothing heavy at the top."""

import pytest

from adcraft_tests.graph.conftest import write_ad


@pytest.fixture(scope="session")
def scenario_ads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ads")
    for number in range(2):
        write_ad(folder / f"v{number}.mp4", seed=number)
    return folder


@pytest.fixture(scope="session")
def scenario_cluster(tmp_path_factory, scenario_ads):
    """One cluster for all scenarios, its store holding everything up to the variants."""
    from adcraft_tests.k8s.scenes import prepare, write_table
    from adcraft_tests.k8s.stand_in.start import stand_in_cluster

    folder, env = tmp_path_factory.mktemp("cluster"), ("ADCRAFT_START_PATIENCE_S=15",)
    with stand_in_cluster(
        folder, scenario_ads, executor_env=env, config={"variants_per_video": 1}
    ) as cluster:
        prepare(cluster)
        yield cluster
    write_table()


@pytest.fixture
def scene(scenario_cluster, scenario_ads):
    from adcraft_tests.k8s.scenes import Scene

    scene = Scene(scenario_cluster, scenario_ads)
    scene.configure()
    yield scene
    scene.clean_up()
