"""The shipped definitions with sensors that look every few seconds, so that a week passes in minutes."""

import dagster as dg

from adcraft_assets.definitions import build_defs, config_path

TICK_S = 5


@dg.definitions
def defs() -> dg.Definitions:
    shipped = build_defs(config_path())
    for sensor in shipped.sensors or ():
        sensor._min_interval = TICK_S
    return shipped
