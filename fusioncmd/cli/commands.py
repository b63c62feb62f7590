"""The commands of `fusioncmd`, in the order in which they are listed. Pure."""

from __future__ import annotations

# Name → where its function is, and what it does, in English and Chinese.
COMMANDS = {
    "up": ("up:up", "Run a tier: NATS server, node and gateways, until Ctrl-C.", "运行本级：总线、节点与网关。"),
    "kit": ("kit:app", "A field kit: all of a tier on one small computer.", "四合一装备：单机运行本级全部功能。"),
    "call": ("issue:call", "Call people down: who is there, and what do they answer?", "下达叫应：谁在、如何答复。"),
    "watch": (
        "status:watch", "Watch an order live, per place: who answered, who is silent.",
        "实时跟踪：已答、未答、不可达。",
    ),
    "who": (
        "people:who", "Names and phones: who is silent, unreachable, answered what.",
        "名单与电话：谁未答、谁不可达。",
    ),
    "ladder": (
        "escalation:ladder", "How an order escalates: steps, channels, outcomes.",
        "指令如何逐级升级：步骤、通道、结果。",
    ),
    "answer": ("escalation:answer", "Answer on behalf of somebody who cannot.", "为无法答复者代答。"),
    "orders": ("status:orders", "The orders, newest first.", "指令列表，最新在前。"),
    "update": (
        "issue:update", "Replace an open order by a corrected one, to the same people.",
        "以更正内容替换有效指令。",
    ),
    "cancel": (
        "issue:cancel", "End an order, and tell exactly those who were told of it.",
        "取消指令，并告知原对象。",
    ),
    "proposals": ("proposals:proposals", "Orders that wait for a second person.", "待第二人批准的指令。"),
    "approve": ("proposals:approve", "Sign an order as the second person, and issue it.", "作为第二人签署并下达。"),
    "withdraw": ("proposals:withdraw", "Take back an order that waits for a second person.", "撤回待批指令。"),
    "report": (
        "report:report", "After the fact: counts and reports, or a CSV line per person.",
        "事后报告：汇总或 CSV 名单。",
    ),
    "reports": ("report:reports", "What people wrote about an order, and from where.", "人员发来的文字与位置。"),
    "ticket": ("tickets:ticket", "Issue tickets for responders' devices.", "为人员终端签发票据。"),
    "devices": ("devices:app", "Responders' devices: enrol, list, revoke.", "人员设备：登记、查看、吊销。"),
    "radios": ("radios:app", "Radios: add, list, remove, call together.", "电台：新增、查看、移除、呼叫入组。"),
    "alarms": ("alarms:app", "Alarms from outside: list, look, issue.", "外部预警：查看、核实、下达。"),
    "departments": ("departments:app", "Other departments: add, list, remove.", "协同部门：新增、查看、移除。"),
    "experts": ("experts:app", "Experts: import, find, draw, note.", "专家库：导入、查询、抽取、履职。"),
    "places": ("places:app", "Places: import, find, what is near.", "场所：导入、查询、周边。"),
    "cameras": ("cameras:app", "Cameras and drones: add, list, remove.", "摄像头与无人机：新增、查看、移除。"),
    "tracks": ("tracks:app", "Where units are: list, watch, put by hand.", "单位位置：查看、跟踪、人工标注。"),
    "keys": (
        "keys:app", "The keys that sign orders: make, grant, list, end them.",
        "签署指令的密钥：生成、授予、查看、撤销。",
    ),
    "audit": (
        "audit:app", "Who decided what: list it, prove that nobody edited it.",
        "审计：谁作了何决定；验证未被篡改。",
    ),
    "login": ("login:login", "Log in, and stay logged in on this machine.", "登录，并在本机保持登录。"),
    "logout": ("login:logout", "End the session.", "退出登录。"),
    "whoami": ("login:whoami", "Who is logged in, with which roles, for which place.", "当前登录者、角色与管辖地点。"),
    "accounts": ("accounts:app", "Accounts of commanders: add, list, disable.", "指挥员账户：新增、查看、停用。"),
    "nodes": (
        "nodes:app", "Nodes below and above: ask to join, approve, take, list.",
        "上下级节点：申请加入、批准、收取、查看。",
    ),
    "bus": ("bus:app", "Who may use the bus: grant, list.", "谁可接入总线：授权、查看。"),
    "tls": ("tls:app", "Certificates for development.", "开发用证书。"),
    "health": ("status:health", "Is the node there, and how is it.", "节点状态。"),
    "roster": ("roster:app", "Who exists: import, sample, find.", "人员名册：导入、生成样本、查找。"),
    "voice": ("voice:app", "What was said in talkgroups: find it, and hear it again.", "通话录音：查找与回放。"),
    "video": (
        "video:app", "Video: what is live, show it, call a roll, find recordings.",
        "视频：在线画面、展示、点名、录像。",
    ),
    "satellite": (
        "satellite:app", "Satellites: what fits into short messages, orders by number.",
        "卫星：短报文容量与指令模板。",
    ),
    "plan": (
        "plan:plan", "How many gateways, nodes and machines so many people need.",
        "规划：多少人需要多少网关、节点与机器。",
    ),
    "version": ("__main__:version", "The version.", "版本。"),
}  # fmt: skip
