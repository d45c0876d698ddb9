"""How people write about their servers: letters, comments, log lines. Data, all of it invented here.

`{slots}` are filled by `sample_slots`: technical tokens and personal data. `{check}` is a step of the
case's own scenario.
"""

from __future__ import annotations

RACK_MODELS = (
    "ProLiant DL360 Gen10",
    "ProLiant DL380 Gen10 Plus",
    "ProLiant DL380 Gen11",
    "ProLiant DL325 Gen11",
    "ProLiant ML350 Gen11",
    "ProLiant DL560 Gen11",
    "ProLiant DL20 Gen11",
    "Apollo 2000 Gen10",
)
MODELS = {
    "Composable": ("Synergy 480 Gen10", "Synergy 480 Gen11", "Synergy 660 Gen10"),
    "Storage": ("Apollo 4200 Gen10", "ProLiant DL380 Gen11", "Alletra 4120", "StoreEasy 1660"),
}
"""By product line; rack models where none is named."""

ENVIRONMENTS = (
    "Production, hypervisor cluster of {nodes} nodes, operating system RHEL 9.4",
    "Test laboratory, Windows Server 2022, two sockets",
    "Production database on {host}, SLES 15 SP5, {nodes} TB of memory in all",
    "Branch office, one server, ESXi 8.0 Update 2",
    "Research cluster with {nodes} nodes behind a job scheduler",
    "Backup site, Windows Server 2019, {nodes} virtual machines",
)
OPENINGS = (
    "Please help us with this server as soon as you can.",
    "This is the second time this month.",
    "The business is not affected yet, but redundancy is lost.",
    "We have a change window on Thursday evening.",
    "The server is in production and carries the order system.",
    "Nothing was changed on {host} in the last two weeks.",
    "It began after the maintenance of the weekend.",
    "Our monitoring raised the alarm at {logtime}.",
)
SUBJECT_ENDS = ("", "", " ({host})", " - {err}", ", serial {serial}", ", host {host}")

LOG_LINES = (
    "{log} {host} kernel: {err} status {hexa}",
    "{log} IML Caution: {err}",
    "{log} iLO event class 0x11 code 0x{code}: {err}",
    "{log} {host} agent[{pid}]: sensor {oid} out of range",
    "{log} device {pci} reset, attempt {slot}",
    "{log} {host} multipathd: path {wwn} is down",
    "{log} link state of {mac} changed",
    "{log} Event ID {event}: {err}, serial {serial}",
    "{log} POST {post}: see the maintenance guide",
    "{log} inventory: part {part}, firmware {fw4}, {uuid}",
)

SALUTATIONS = ("Hello {other},", "Dear {other},", "Hi {other_first},", "Dear {other_title} {other_last},")
SIGN_OFFS = ("Kind regards,", "Best regards,", "Regards,", "Thanks and regards,", "Mit freundlichen Grüßen")
SIGNATURES = (
    "{me}\n{title} | {account}\n{street}, {postal_code} {city}\nPhone: {me_phone}\n{me_mail}",
    "{me_first}\n-- \n{me}\n{account}\n{me_mail} | {me_phone}",
    "{me}\n{title}\nTel. {me_phone}\nMobile: {me_mobile}\n{me_mail}",
    "{me_first}\n\nSent from my phone",
    "{me}",
)
OWN_SIGNATURES = (
    "{me}\nSupport Engineer\n{me_phone}",
    "{me_first}\n-- \n{me}, Technical Support\nOffice: {me_phone}\n{me_mail}",
    "{me}\nService Delivery\n{me_mail}",
)
QUOTES = (
    "On {sent}, {sender} <{sender_mail}> wrote:",
    "From: {sender} <{sender_mail}>\nSent: {sent}\nTo: {receiver} <{receiver_mail}>\nSubject: ",
    "-----Original Message-----\nFrom: {sender} [mailto:{sender_mail}]\nSent: {sent}\n"
    "To: {receiver_mail}\nSubject: ",
)
ACCESS = (
    "For the remote session use {ip}, user {login}, password: {password}",
    "The management processor is at {ip}, gateway {ip2}. Password is {password}",
    "You can fetch the dump from https://{userinfo}@files.example.com/dumps/{uuid}.zip",
    "The host answers on {ipv6} and as {hostip} too.",
    "Log in as {login}; pwd={password}",
)
COPIES = (
    "I copy {colleague}, who looks after the site.",
    "My colleague {colleague} ({colleague_mail}) has the logs.",
    "While I am away, please call {colleague_first} on {colleague_phone}.",
)
MAIL_BODIES = (
    "thank you for the report. {check}",
    "we have gone through the logs and found {err} at {logtime}. {check} {check2}",
    "could you send us the health log of serial {serial} and say which firmware is running (we expect {fw})?",
    "the part {spare} is on its way under order {order}; the engineer comes with it.",
    "an update on your case: the action plan is done up to the second step. {check}",
)
ANSWERS = (
    "we did that, no change. The log still says {err} at {log}.",
    "attached is the report of {host}. Firmware is {fw4}, the address of the adapter is {mac}.",
    "it runs again since {log}. Please leave the case open for two more days.",
    "the window is confirmed. Somebody will be in the room from 8 to 12.",
)

COMMENTS = (
    "Hi {contact_first}, we have looked at the log and found {err} at {logtime}. Please send the new report.",
    "Report received. {check}",
    "Spoke with {contact} on {contact_phone}: the server may be taken down tonight.",
    "Called {contact}, {account}, no answer; left a message and wrote to {contact_mail}.",
    "Monitoring since the action, no new entries of {err}.",
    "Escalated to the product team with reference {uuid}.",
    "Thanks {engineer_first}, the parts have arrived.",
    "{check} {check2} Both done together with {contact_first}.",
    "Log excerpt of {host}:\n{excerpt}",
    "Compared with advisory {cve}: it does not concern firmware {fw4}.",
)
COMMENT_ENDS = ("\n\nRegards,\n{owner}", "\n\nThanks,\n{owner_first}", "", "\n\n{owner}")
CLOSINGS = (
    "Customer confirms, case may be closed.",
    "Closed after seven days without a new event.",
    "Solved on the phone with {contact}.",
    "{contact_first} agrees to the closure, no further parts needed.",
)

SITE_BLOCKS = (
    "Site address: {street}\nEngineer: {engineer}, phone {engineer_phone}\n",
    "Site: {account}\nAddress: {street}, {postal_code} {city}\nSite contact: {contact}, {contact_phone}\n",
    "Ship to:\n{account}\n{street}\n{postal_code} {city}\nAttn: {contact}\n"
    "Engineer: {engineer} ({engineer_phone})\n",
)
ACTIONS = (
    "Arrived on site, powered the server down with the customer's leave, replaced the part, tested it.",
    "Part replaced while the server was running, firmware brought to {fw}, logs cleared.",
    "Fault could not be seen on site; cables reseated, counters reset, customer watches.",
    "Met {contact} at the entrance, replaced part {spare} in {host}, old part returned under {order}.",
)
FEED_TITLES = (
    "Part ordered",
    "Engineer assigned",
    "Visit confirmed",
    "Part returned",
    "Status changed",
    "Delay",
)
FEED_BODIES = (
    "<p>Part {spare} was ordered for work order {wonumber}.</p>",
    "<p>The visit is confirmed with the site.<br>Engineer: {engineer}</p>",
    "<p>Serial {serial}: the failed part goes back with the courier.</p>",
    "<p>Work on site is done, waiting for the customer&#39;s word.</p>",
    "<p>Hi {engineer_first},</p><p>please call {contact} on {contact_phone} before you come.</p>",
    "<ul><li>Depot: in stock</li><li>Order {order}</li></ul><p>Regards,<br>{owner}</p>",
)
RESOLUTION_CODES = ("Part replaced", "Firmware updated", "Configuration", "Information", "No fault found")
CALL = {
    "Subject": "Call: {contact}",
    "Description": "Called {contact} on {contact_phone}, asked for a time that suits.",
    "Type": "Call",
    "Status": "Completed",
}
"""A Task of a type that is not ours: it must not reach the index."""
PRIORITIES = (*("Low",) * 3, *("Medium",) * 5, *("High",) * 2, "Critical")
