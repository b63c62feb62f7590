"""`satellite`: what goes over satellites, and what fits."""

from __future__ import annotations

import typer

from fusioncmd.cli.lastline import budget, show_templates
from fusioncmd.cli.satellite_status import status
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Satellites: how links are, what fits into short messages, orders by number.",
             "卫星：链路状态、短报文容量与指令模板。"),
)  # fmt: skip
app.command("status", help=say("How this tier's satellite links are.", "本级卫星链路的状态。"))(status)
app.command(
    "budget",
    help=say("What fits into 560 and 14,000 bits, and how long it takes.", "560 与 14000 比特各能容纳什么、需多久。"),
)(budget)
app.command("templates", help=say("Orders that go as a number.", "可按编号发送的指令模板。"))(show_templates)
