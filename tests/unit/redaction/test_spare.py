"""What is spared: each kind of damage of release 0.1, on inputs made here."""

from __future__ import annotations

import pytest

from tests.unit.redaction.test_redactor import clean

TEXTS = [
    '"@odata.id": "/redfish/v1/Systems/1", "@odata.type": "#Chassis.v1_14_0.Chassis"',
    "Привет, диск заменён.",
    "081109 203615 148 INFO dfs.DataNode: Received block blk_-1608999687919862906 of size 67108864",
    "03-17 16:13:38.811  1702  2395 D WindowManager: printFreezing",
    "20171223-22:15:29:606|Step_LSC|30002312|1514038530000",
    "2005-06-03-15.42.50.675872 R02-M1-N0-C:J12-U11 RAS KERNEL INFO",
    "4764057600 bytes (4.44 GB) received",
    "driver 1.10.2-6.9.8.11 and ~amd64~~6.1.1.0",
    "upgraded from 6.00.30.00 to 6.10.00.00",
    "OMSA 10.2.0.0, nmlx5_core 4.23.0.36-10vmw.803.0.0",
    "firmware: 7.1.4.12 (was 6.9.8.200), latest is 7.2.0.1",
    "netmask 255.255.254.0, bind 0.0.0.0, loopback 127.0.0.1 and ::1",
    "route 10 via gateway core, 1 Logical Drive(s) Failed, 4 Physical Drive bays, 2 Hot Spare Drive",
    "PCI\\VEN_8086&DEV_1521&SUBSYS_00018086 and USB\\VID_0424&PID_2660, slots A1\\A2, ERROR\\nCaused",
    "Members@odata.count, Status@Redfish.AllowableValues, Links@odata.navigationLink",
    "Hi, Based on the logs replace it.",
    "Hello, Unfortunately no.",
    "Dear Dell Community",
    "Hi Team,\nThanks all",
    "00000010: 4f 70 65 6e 53 53 48 5f 37 2e 34 0a 00 00 00 01",
    "RIP cc2e610b ad160226 48adaec8 571b8237",
    "0x7f50 2627 5254 7667 9217 8152 4863",
    "sda  123456  7890123  45678  9012345  678901",
    "session 0x15a8b1c2d3e4f5a6, epoch 1514764799000, seq 3226706533",
    "the password is required; pass: true; Pass: 12 Fail: 0",
    "kernel-3.10.0-957.el7.x86_64 and libfoo@1.2.3.tgz",
    "git clone git@1.2.3.4.5",
    "TRAP 1.3.6.1.4.1.232.6.2.9 at 0000:3b:00.0",
    "Engineer: replaced the fan",
    "Drive Bay: Box 1, Bay 7",
    "Power Supply failed in Bay 2\n\nSystem Board replaced",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("table", ["CaseComment", "WorkOrder", "EmailMessage"])
def test_what_is_technical_stays(text: str, table: str) -> None:
    """Log times, versions of every shape, masks, hardware ids, annotations, dumps, words after Hi."""
    assert clean(text, table, identity={}) == text


@pytest.mark.parametrize(
    "text",
    [
        "host 10.2.0.7 is down",
        "from 192.168.1.7 to 192.168.1.9",
        "10.1.2.3:443 refused",
        "subnet 10.2.0.0/16",
        "ping 203.0.113.9",
        "at /203.0.113.9:2181",
        "server 8.8.8.8 answers",
        "10.64.1.7.443 > 10.64.1.8.51234",
        "fe80::1ff:fe23:4567:890a%eth0",
    ],
)
def test_an_address_is_no_version(text: str) -> None:
    """The other side of the same rule."""
    assert "<IP_1>" in clean(text, identity={})
