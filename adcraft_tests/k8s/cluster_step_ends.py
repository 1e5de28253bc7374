"""Whether a step whose Job failed has told its end itself, asked of the event logs of real runs."""

import datetime as dt

import dagster as dg
import kubernetes.client as api
import pytest

from adcraft_assets.last_words import seconds_to_speak, told_its_end


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def fails():
    raise RuntimeError("as planned")


@dg.op
def succeeds():
    pass


@dg.job
def both():
    fails()
    succeeds()


@pytest.fixture
def told():
    """A run in which one step fails twice, and its event log up to an event of a kind."""
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = both.execute_in_process(instance=instance, raise_on_error=False).run_id
        yield lambda step, attempt: told_its_end(instance, run_id, step, attempt), instance, run_id


def test_every_attempt_that_spoke_is_known(told):
    ask, _, _ = told
    assert ask("fails", 0)  # it asked for a retry
    assert ask("fails", 1)  # it failed for good
    assert ask("succeeds", 0)


def test_an_attempt_that_was_killed_has_not_spoken(told):
    ask, instance, run_id = told
    assert not ask("somebody_else", 0)
    asked = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY).records
    with dg.DagsterInstance.ephemeral() as other:
        other.create_run_for_job(both, run_id=run_id)
        other.store_event(asked[0].event_log_entry)
        assert told_its_end(other, run_id, "fails", 0)
        assert not told_its_end(other, run_id, "fails", 1)  # the second died without a word


@pytest.mark.parametrize(
    ("asked", "reason", "runs", "grace_s"),
    [
        (True, "EvictionByEvictionAPI", True, 30),
        (True, "DeletionByTaintManager", True, 0),  # an unreachable node: it may say nothing for ever
        (True, "EvictionByEvictionAPI", False, 0),
        (False, "", True, 0),
    ],
)
def test_a_pod_is_let_speak_while_it_uses_its_grace(asked, reason, runs, grace_s):
    now = dt.datetime.now(dt.UTC)
    state = api.V1ContainerState(running=api.V1ContainerStateRunning() if runs else None)
    pod = api.V1Pod(
        metadata=api.V1ObjectMeta(
            deletion_timestamp=now if asked else None, deletion_grace_period_seconds=30 if asked else None
        ),
        status=api.V1PodStatus(
            conditions=[api.V1PodCondition(type="DisruptionTarget", status="True", reason=reason)],
            container_statuses=[
                api.V1ContainerStatus(
                    name="dagster", image="i", image_id="i", ready=runs, restart_count=0, state=state
                )
            ],
        ),
    )
    assert seconds_to_speak(pod) == grace_s
