"""The vocabulary of `fc.api.…`: what a tier node can be asked, and what it replies. Pure.

How they travel is in `envelope.py`: a question goes to `fc.api.<verb>`, with the session of who asks it.
"""

from __future__ import annotations

from fusioncmd.api import (
    alarms,
    calling,
    cameras,
    course,
    departments,
    devices,
    escalation,
    experts,
    health,
    kept,
    keys,
    logins,
    places,
    proposals,
    radios,
    records,
    roles,
    talkgroups,
    tracks,
    video,
    voice,
)  # fmt: skip
from fusioncmd.api.calling import CodeOrNone as CodeOrNone
from fusioncmd.api.calling import Compose as Compose
from fusioncmd.api.calling import Composed as Composed
from fusioncmd.api.calling import Draft as Draft
from fusioncmd.api.calling import Find as Find
from fusioncmd.api.calling import Issue as Issue
from fusioncmd.api.calling import Issued as Issued
from fusioncmd.api.calling import OrderLine as OrderLine
from fusioncmd.api.calling import Orders as Orders
from fusioncmd.api.calling import OrdersReply as OrdersReply
from fusioncmd.api.calling import OrderState as OrderState
from fusioncmd.api.calling import People as People
from fusioncmd.api.calling import Person as Person
from fusioncmd.api.calling import Picture as Picture
from fusioncmd.api.calling import PictureReply as PictureReply
from fusioncmd.api.calling import Preview as Preview
from fusioncmd.api.calling import PreviewReply as PreviewReply
from fusioncmd.api.calling import PreviewRow as PreviewRow
from fusioncmd.api.calling import ReportLine as ReportLine
from fusioncmd.api.calling import Reports as Reports
from fusioncmd.api.calling import ReportsReply as ReportsReply
from fusioncmd.api.calling import Row as Row
from fusioncmd.api.calling import Standing as Standing
from fusioncmd.api.calling import Tally as Tally
from fusioncmd.api.calling import TallyReply as TallyReply
from fusioncmd.api.calling import Who as Who
from fusioncmd.api.course import Course as Course
from fusioncmd.api.course import CourseReply as CourseReply
from fusioncmd.api.course import CourseRow as CourseRow
from fusioncmd.api.course import PastCourse as PastCourse
from fusioncmd.api.course import Point as Point
from fusioncmd.api.course import Quantile as Quantile
from fusioncmd.api.course import Share as Share
from fusioncmd.api.cut import CutLine as CutLine
from fusioncmd.api.escalation import AnsweredFor as AnsweredFor
from fusioncmd.api.escalation import AnswerFor as AnswerFor
from fusioncmd.api.escalation import Ladder as Ladder
from fusioncmd.api.escalation import LadderReply as LadderReply
from fusioncmd.api.escalation import StepLine as StepLine
from fusioncmd.api.escalation import ToldLine as ToldLine
from fusioncmd.api.health import Health as Health
from fusioncmd.api.health import HealthReply as HealthReply
from fusioncmd.api.health import LinkLine as LinkLine
from fusioncmd.api.health import LinkState as LinkState
from fusioncmd.api.logins import AccountLine as AccountLine
from fusioncmd.api.logins import AccountMade as AccountMade
from fusioncmd.api.logins import Accounts as Accounts
from fusioncmd.api.logins import AccountsReply as AccountsReply
from fusioncmd.api.logins import AddAccount as AddAccount
from fusioncmd.api.logins import ChangeAccount as ChangeAccount
from fusioncmd.api.logins import Identity as Identity
from fusioncmd.api.logins import LoggedIn as LoggedIn
from fusioncmd.api.logins import LoggedOut as LoggedOut
from fusioncmd.api.logins import Login as Login
from fusioncmd.api.logins import LoginByKey as LoginByKey
from fusioncmd.api.logins import LoginByToken as LoginByToken
from fusioncmd.api.logins import Logout as Logout
from fusioncmd.api.logins import WhoAmI as WhoAmI
from fusioncmd.api.proposals import Proposal as Proposal
from fusioncmd.api.proposals import Proposals as Proposals
from fusioncmd.api.proposals import ProposalsReply as ProposalsReply
from fusioncmd.api.proposals import Propose as Propose
from fusioncmd.api.proposals import Withdraw as Withdraw
from fusioncmd.api.proposals import Withdrawn as Withdrawn
from fusioncmd.api.question import Question as Question
from fusioncmd.api.question import Verbs as Verbs
from fusioncmd.api.records import Audit as Audit
from fusioncmd.api.records import AuditFind as AuditFind
from fusioncmd.api.records import AuditFound as AuditFound
from fusioncmd.api.records import AuditLine as AuditLine
from fusioncmd.api.records import AuditPage as AuditPage
from fusioncmd.api.records import AuditProve as AuditProve
from fusioncmd.api.records import AuditProved as AuditProved
from fusioncmd.api.records import AuditReply as AuditReply
from fusioncmd.api.roles import RoleLine as RoleLine
from fusioncmd.api.roles import Roles as Roles
from fusioncmd.api.roles import RolesReply as RolesReply

VERBS: Verbs = {
    **calling.VERBS, **logins.VERBS, **proposals.VERBS, **devices.VERBS, **keys.VERBS, **records.VERBS,
    **escalation.VERBS, **health.VERBS, **course.VERBS, **roles.VERBS, **radios.VERBS, **cameras.VERBS, **voice.VERBS,
    **talkgroups.VERBS, **video.VERBS, **kept.VERBS, **tracks.VERBS, **alarms.VERBS,
    **experts.VERBS, **places.VERBS, **departments.VERBS,
}  # fmt: skip
# Asked again after a lost reply, these would not do the same again, or be told that it is there already.
ONCE = logins.ONCE | {radios.AddRadio, cameras.AddCamera, talkgroups.MakeTalkgroup}
