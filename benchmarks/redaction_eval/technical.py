"""Technical tokens in logs and support texts, made by seed: what redaction must not touch."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PRODUCTS = ("iLO", "iLO 5", "SPP", "OMSA", "ESXi", "bnxt_en", "nmlx5_core", "qlnativefc", "lpfc", "smartpqi", "AOS-CX", "NimbleOS", "System ROM", "Smart Array", "StoreOnce", "OneView", "HPSUM", "Junos", "Veeam Agent", "Splunk", "BIOS")  # fmt: skip
HEX = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Sample:
    """A text, and the tokens in it that must come out as they are."""

    family: str
    text: str
    tokens: tuple[str, ...]


class Maker:
    """Tokens by kind, from one seed."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)

    def n(self, low: int, high: int) -> int:
        return self.r.randint(low, high)

    def hexes(self, count: int) -> str:
        return "".join(self.r.choice(HEX) for _ in range(count))

    def clock(self) -> str:
        return f"{self.n(0, 23):02d}:{self.n(0, 59):02d}:{self.n(0, 59):02d}"

    def date(self) -> str:
        return f"20{self.n(5, 25):02d}-{self.n(1, 12):02d}-{self.n(1, 28):02d}"

    def quad(self) -> str:
        shape = self.n(0, 4)
        if shape == 0:
            return f"{self.n(1, 9)}.{self.n(0, 30):02d}.{self.n(0, 40):02d}.00"
        if shape == 1:
            return f"{self.n(1, 12)}.{self.n(0, 9)}.{self.n(0, 9)}.{self.n(0, 9)}"
        if shape == 2:
            return f"{self.n(1, 9)}.{self.n(0, 30)}.{self.n(0, 60)}.{self.n(0, 99)}"
        if shape == 3:
            return f"{self.n(10, 24)}.{self.n(0, 12)}.0.0"
        return f"{self.n(1, 9)}.{self.n(0, 20)}.{self.n(0, 40)}.{self.n(100, 250)}"

    def version(self) -> str:
        return self.r.choice((self.quad, lambda: f"{self.n(1, 9)}.{self.n(10, 99)}", lambda: f"{self.n(1, 9)}.{self.n(0, 20)}.{self.n(0, 30)}-{self.n(1, 9)}.{self.n(0, 9)}.{self.n(0, 9)}.{self.n(1, 20)}",
                              lambda: f"{self.quad()}-{self.n(1, 20)}vmw.{self.n(600, 803)}.0.0"))()  # fmt: skip

    def serial(self) -> str:
        return (
            self.r.choice(("MXQ", "CZJ", "SGH", "USE", "2M2"))
            + str(self.n(0, 9))
            + "".join(self.r.choice("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(6))
        )

    def part(self) -> str:
        return self.r.choice(
            (
                f"P{self.n(10000, 69999)}-B21",
                f"{self.n(800000, 899999)}-001",
                f"{self.n(400000, 899999)}-B21",
                f"R{self.n(1, 9)}{self.r.choice('ABCX')}{self.n(10, 99)}A",
            )
        )

    def mac(self) -> str:
        return ":".join(self.hexes(2) for _ in range(6))

    def wwn(self) -> str:
        return "50:01:43:80:" + ":".join(self.hexes(2) for _ in range(4))

    def uuid(self) -> str:
        return "-".join(self.hexes(k) for k in (8, 4, 4, 4, 12))


def _support(m: Maker) -> Iterator[Sample]:
    v, product = m.version(), m.r.choice(PRODUCTS)
    q, q2 = m.quad(), m.quad()
    yield Sample("support", f"Please upgrade {product} to {v} before the next visit.", (v,))
    yield Sample("support", f"Server runs {product} {q}, latest is {q2}.", (q,))
    yield Sample("support", f"Upgraded from {q} to {q2} and the fault is gone.", (q, q2))
    yield Sample("support", f"Firmware version {q}; driver {v}; BIOS v{q2}.", (q, v, q2))
    yield Sample("support", f"{product} firmware: {q} (was {q2})", (q,))
    serial, part = m.serial(), m.part()
    yield Sample("support", f"Ordered {part} for serial {serial}, slot {m.n(1, 8)}.", (part, serial))
    mac, wwn, uuid = m.mac(), m.wwn(), m.uuid()
    yield Sample("support", f"NIC {mac} and HBA {wwn}, system {uuid}.", (mac, wwn, uuid))
    oid = f"1.3.6.1.4.1.{m.n(1, 9999)}.{m.n(1, 9)}.{m.n(1, 9)}.{m.n(1, 20)}"
    pci = f"0000:{m.hexes(2)}:{m.hexes(2)}.{m.n(0, 7)}"
    cve = f"CVE-20{m.n(15, 25)}-{m.n(1000, 99999)}"
    yield Sample("support", f"Trap {oid} from PCI {pci}, see {cve}.", (oid, pci, cve))
    case, code = str(m.n(5_300_000_000, 5_399_999_999)), f"0x{m.hexes(8)}"
    yield Sample("support", f"As in case {case}, error {code}, event {m.n(1, 9999)}.", (case, code))
    dev = f"PCI\\VEN_{m.hexes(4).upper()}&DEV_{m.hexes(4).upper()}&SUBSYS_{m.hexes(8).upper()}"
    usb = f"USB\\VID_{m.hexes(4).upper()}&PID_{m.hexes(4).upper()}"
    yield Sample("support", f"Device {dev} and {usb} failed.", (dev, usb))
    mask = m.r.choice(("255.255.255.0", "255.255.252.0", "0.0.0.0", "127.0.0.1"))
    yield Sample("support", f"Netmask {mask}, VLAN {m.n(2, 4000)}.", (mask,))
    lun = f"naa.6{m.hexes(31)}"
    yield Sample("support", f"LUN {lun} lost path vmhba{m.n(0, 4)}:C0:T{m.n(0, 9)}:L{m.n(0, 99)}.", (lun,))
    drives = f"{m.n(1, 9)} Logical Drive(s) Failed, {m.n(1, 24)} Physical Drive bays"
    yield Sample("support", f"POST: {drives}.", (drives,))
    kb, build = f"KB{m.n(2_000_000, 5_999_999)}", f"{m.n(10, 24)}{m.n(100, 999)}{m.n(100, 999)}"
    yield Sample(
        "support", f"Apply {kb}, build-{build}, fixed in {m.n(2019, 2025)}.{m.n(1, 12):02d}.0.", (kb, build)
    )
    odata = m.r.choice(
        ("Members@odata.count", "Status@Redfish.AllowableValues", "@odata.id", "Links@odata.navigationLink")
    )
    yield Sample("support", f"Property {odata} is missing in /redfish/v1/Systems/1.", (odata,))


def _logs(m: Maker) -> Iterator[Sample]:
    block = f"blk_-{m.n(10**15, 9 * 10**18)}"
    stamp = f"{m.n(80101, 91231):06d} {m.n(0, 235959):06d} {m.n(1, 30000)}"
    size = f"{m.n(10**6, 10**8)}"
    yield Sample(
        "hdfs",
        f"{stamp} INFO dfs.DataNode$PacketResponder: Received block {block} of size {size} done",
        (stamp, block, size),
    )
    epoch, when = (
        str(m.n(1_100_000_000, 1_750_000_000)),
        f"20{m.n(4, 9):02d}-0{m.n(1, 9)}-{m.n(10, 28)}-{m.n(10, 23)}.{m.n(10, 59)}.{m.n(10, 59)}.{m.n(100000, 999999)}",
    )
    node = f"R{m.n(10, 39)}-M{m.n(0, 1)}-N{m.hexes(1)}-C:J{m.n(10, 17)}-U{m.n(10, 11)}"
    yield Sample(
        "bgl",
        f"- {epoch} {when[:10].replace('-', '.')} {node} {when} {node} RAS KERNEL INFO instruction cache parity error corrected",
        (epoch, when, node),
    )
    android = f"03-{m.n(10, 28)} {m.clock()}.{m.n(100, 999)}  {m.n(1000, 9999)}  {m.n(1000, 9999)}"
    yield Sample(
        "android",
        f"{android} D WindowManager: printFreezingDisplayLogsopening app wtoken = AppWindowToken{{{m.hexes(7)}}}",
        (android,),
    )
    step = f"20171223-{m.n(10, 23)}:{m.n(10, 59)}:{m.n(10, 59)}:{m.n(100, 999)}|Step_LSC|{m.n(30000000, 30009999)}|{m.n(1_514_038_000_000, 1_514_039_999_999)}"
    yield Sample("health", f"{step} onStandStepChanged {m.n(1000, 9999)}", (step,))
    job = f"attempt_{m.n(1_400_000_000_000, 1_500_000_000_000)}_{m.n(1, 99):04d}_m_{m.n(0, 99):06d}_0"
    yield Sample(
        "hadoop",
        f"{m.date()} {m.clock()},{m.n(100, 999)} INFO [main] org.apache.hadoop.mapred.TaskAttempt: {job}",
        (job,),
    )
    arpt = f"{m.n(100000, 999999)}.{m.n(100000, 999999)}"
    seq = str(m.n(10**9, 4 * 10**9))
    yield Sample(
        "mac",
        f"Jul  1 {m.clock()} host kernel[0]: ARPT: {arpt}: wl0: Original Seq: {seq}, Ack: {m.n(10**9, 4 * 10**9)}, Win size: 4096",
        (arpt, seq),
    )
    yield Sample(
        "openstack",
        f"nova-compute.log {m.date()} {m.clock()}.{m.n(100, 999)} {m.n(1000, 30000)} INFO nova.compute.manager [req-{m.uuid()} {m.hexes(32)}] VM Started",
        (),
    )
    cbs = f"{m.date()} {m.clock()}, Info                  CBS    SQM: Initializing online with Windows opt-in: False {m.n(30000000, 39999999)}_{m.n(1000000000, 4000000000)}"
    yield Sample("windows", cbs, (cbs.rsplit(" ", 1)[1],))
    proxy = f"{m.n(1000, 99999)} bytes ({m.n(1, 99)}.{m.n(1, 9)} KB) sent, {m.n(10**6, 10**10)} bytes ({m.n(1, 9)}.{m.n(10, 99)} GB) received, lifetime {m.n(0, 59):02d}:{m.n(0, 59):02d}"
    yield Sample("proxifier", f"[10.30 {m.clock()}] chrome.exe - close, {proxy}", (proxy,))
    dump = " ".join(m.hexes(2) for _ in range(16))
    words = " ".join(m.hexes(8) for _ in range(4))
    regs = f"0x{m.hexes(4)} " + " ".join(f"{m.n(0, 9999):04d}" for _ in range(6))
    yield Sample("dump", f"{m.hexes(8)}: {dump}", (dump,))
    yield Sample("dump", f"RIP {words}", (words,))
    yield Sample("dump", f"Registers: {regs}", (regs,))
    table = "  ".join(str(m.n(100, 9_999_999)) for _ in range(7))
    yield Sample("tables", f"sda  {table}", (table,))
    yield Sample(
        "zookeeper",
        f"{m.date()} {m.clock()},{m.n(100, 999)} - INFO  [NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181:ZooKeeperServer@{m.n(100, 999)}] - session 0x{m.hexes(15)}",
        ("ZooKeeperServer@",),
    )


def samples(rounds: int = 300, seed: int = 1) -> Iterator[Sample]:
    """Every kind of text `rounds` times, with other tokens."""
    maker = Maker(seed)
    families: tuple[Callable[[Maker], Iterator[Sample]], ...] = (_support, _logs)
    for _ in range(rounds):
        for family in families:
            yield from family(maker)
