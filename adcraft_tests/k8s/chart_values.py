"""What is known of the Dagster chart's values, and the dagster.yaml the chart makes of them.

The chart cannot be rendered here (no helm), so the keys below restate its published value models, strictly: a key the
chart does not know is refused. Belongs here: those models and the expansion. Does not: assertions.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class Image(Part):
    repository: str
    tag: str
    pull_policy: str


class Named(Part):
    name: str


class Enabled(Part):
    enabled: bool


class RunK8sConfig(Part):
    container_config: dict[str, Any] = {}
    pod_spec_config: dict[str, Any] = {}
    pod_template_spec_metadata: dict[str, Any] = {}
    job_spec_config: dict[str, Any] = {}
    job_metadata: dict[str, Any] = {}


class K8sRunLauncher(Part):
    image: Image
    image_pull_policy: str
    job_namespace: str
    load_incluster_config: bool
    env_config_maps: list[Named] = []
    env_secrets: list[Named] = []
    env_vars: list[str] = []
    volume_mounts: list[dict[str, Any]] = []
    volumes: list[dict[str, Any]] = []
    labels: dict[str, str] = {}
    fail_pod_on_run_failure: bool | None = None
    resources: dict[str, Any] = {}
    scheduler_name: str | None = None
    security_context: dict[str, Any] = {}
    run_k8s_config: RunK8sConfig = Field(RunK8sConfig(), alias="runK8sConfig")


class LauncherConfig(Part):
    k8s_run_launcher: K8sRunLauncher = Field(alias="k8sRunLauncher")


class RunLauncher(Part):
    type: str
    config: LauncherConfig


class QueuedConfig(Part):
    max_concurrent_runs: int | None = None
    tag_concurrency_limits: list[dict[str, Any]] | None = None
    dequeue_interval_seconds: int | None = None


class CoordinatorConfig(Part):
    queued_run_coordinator: QueuedConfig


class RunCoordinator(Part):
    enabled: bool
    type: str
    config: CoordinatorConfig


class RunMonitoring(Part):
    enabled: bool
    start_timeout_seconds: int
    cancel_timeout_seconds: int
    max_resume_run_attempts: int
    poll_interval_seconds: int
    free_slots_after_run_end_seconds: int


class Sensors(Part):
    use_threads: bool


class Daemon(Part):
    image: Image | None = None
    env: dict[str, str] = {}
    volumes: list[dict[str, Any]] = []
    volume_mounts: list[dict[str, Any]] = []
    node_selector: dict[str, str] = {}
    pod_security_context: dict[str, Any] = {}
    security_context: dict[str, Any] = {}
    resources: dict[str, Any] = {}
    run_coordinator: RunCoordinator
    run_monitoring: RunMonitoring
    sensors: Sensors
    run_retries: Enabled


class Service(Part):
    type: str | None = None
    port: int | None = None


class Webserver(Part):
    image: Image | None = None
    env: dict[str, str] = {}
    volumes: list[dict[str, Any]] = []
    volume_mounts: list[dict[str, Any]] = []
    service: Service
    node_selector: dict[str, str] = {}
    pod_security_context: dict[str, Any] = {}
    security_context: dict[str, Any] = {}
    resources: dict[str, Any] = {}


class PostgreSQL(Part):
    enabled: bool
    postgresql_host: str
    postgresql_username: str
    postgresql_database: str
    postgresql_scheme: str
    service: Service


class UserDeployment(Part):
    name: str
    image: Image
    port: int
    dagster_api_grpc_args: list[str]
    include_config_in_launched_runs: Enabled
    env: dict[str, str]
    env_secrets: list[Named]
    volumes: list[dict[str, Any]]
    volume_mounts: list[dict[str, Any]]
    node_selector: dict[str, str]
    resources: dict[str, Any]
    pod_security_context: dict[str, Any]
    security_context: dict[str, Any]


class UserDeployments(Part):
    enabled: bool
    enable_subchart: bool
    deployments: list[UserDeployment]


class Global(Part):
    service_account_name: str
    postgresql_secret_name: str


class Create(Part):
    create: bool


class Values(Part):
    global_: Global = Field(alias="global")
    service_account: Create
    rbac_enabled: bool
    generate_postgresql_password_secret: bool
    postgresql: PostgreSQL
    telemetry: Enabled
    dagster_webserver: Webserver
    user_deployments: UserDeployments = Field(alias="dagster-user-deployments")
    run_launcher: RunLauncher
    dagster_daemon: Daemon
    additional_instance_config: dict[str, Any]


MOUNT = "dagster-instance"
HOME = "/opt/dagster/dagster_home"


def instance_of(values: Values) -> dict[str, Any]:
    """The dagster.yaml the chart makes of the values."""
    database = values.postgresql
    monitoring = values.dagster_daemon.run_monitoring
    return {
        "storage": {
            "postgres": {
                "postgres_db": {
                    "username": database.postgresql_username,
                    "password": {"env": "DAGSTER_PG_PASSWORD"},
                    "hostname": database.postgresql_host,
                    "db_name": database.postgresql_database,
                    "port": database.service.port,
                    "scheme": database.postgresql_scheme,
                }
            }
        },
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": _launcher_of(values),
        },
        "run_coordinator": {
            "module": "dagster._core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {
                "max_concurrent_runs": values.dagster_daemon.run_coordinator.config.queued_run_coordinator.max_concurrent_runs
            },
        },
        "run_monitoring": {
            "enabled": monitoring.enabled,
            "start_timeout_seconds": monitoring.start_timeout_seconds,
            "cancel_timeout_seconds": monitoring.cancel_timeout_seconds,
            "max_resume_run_attempts": monitoring.max_resume_run_attempts,
            "poll_interval_seconds": monitoring.poll_interval_seconds,
            "free_slots_after_run_end_seconds": monitoring.free_slots_after_run_end_seconds,
        },
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
        "sensors": {"use_threads": values.dagster_daemon.sensors.use_threads},
        "telemetry": {"enabled": values.telemetry.enabled},
        **values.additional_instance_config,
    }


def _launcher_of(values: Values) -> dict[str, Any]:
    asked = values.run_launcher.config.k8s_run_launcher
    run = asked.run_k8s_config
    mount = {"name": MOUNT, "mountPath": f"{HOME}/dagster.yaml", "subPath": "dagster.yaml"}
    return {
        "load_incluster_config": asked.load_incluster_config,
        "job_namespace": asked.job_namespace,
        "service_account_name": values.global_.service_account_name,
        "job_image": f"{asked.image.repository}:{asked.image.tag}",
        "image_pull_policy": asked.image_pull_policy,
        "dagster_home": HOME,
        "instance_config_map": MOUNT,
        "postgres_password_secret": values.global_.postgresql_secret_name,
        "env_vars": list(asked.env_vars),
        "env_secrets": [one.name for one in asked.env_secrets],
        "volumes": [{"name": MOUNT, "configMap": {"name": MOUNT}}, *asked.volumes],
        "volume_mounts": [mount, *asked.volume_mounts],
        "run_k8s_config": {
            "container_config": run.container_config,
            "pod_spec_config": run.pod_spec_config,
            "pod_template_spec_metadata": run.pod_template_spec_metadata,
            "job_spec_config": run.job_spec_config,
            "job_metadata": run.job_metadata,
        },
    }
