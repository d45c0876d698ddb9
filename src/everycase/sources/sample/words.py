"""The words of the generated sample: what goes wrong with servers, and how people write about it.

Data, all of it invented here. `{slots}` are filled by `sample`: technical tokens and personal data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of trouble: sentences to choose from."""

    area: str
    line: str
    subjects: tuple[str, ...]
    symptoms: tuple[str, ...]
    details: tuple[str, ...]
    checks: tuple[str, ...]
    causes: tuple[str, ...]
    fixes: tuple[str, ...]
    errors: tuple[str, ...]


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        area="Memory",
        line="Rack servers",
        subjects=(
            "{model} reports correctable memory errors on DIMM {slot}",
            "{model} does not boot after a memory upgrade",
            "Uncorrectable memory error on processor {cpu} DIMM {slot}",
        ),
        symptoms=(
            "The server stops at early system initialisation and the health LED blinks red.",
            "Since last night the integrated management log fills with correctable error thresholds for DIMM {slot}.",
            "The operating system halts with a machine check exception and the server restarts by itself.",
        ),
        details=(
            "At {logtime} the log shows {err} for processor {cpu} DIMM {slot}, address {hexa}.",
            "The modules have part number {part} and were installed in pairs as the guide says.",
            "Advanced ECC is configured; the total memory shown is less than what is installed.",
        ),
        checks=(
            "Reseat the module in slot {slot} and clear the error counters.",
            "Swap the module with its neighbour and see whether the error follows the module.",
            "Run the memory test of the built-in diagnostics for at least two loops.",
        ),
        causes=(
            "The module in DIMM slot {slot} has a failed rank.",
            "Modules of two types were mixed in one channel.",
        ),
        fixes=(
            "Replaced the memory module in slot {slot} with spare {spare}; no new errors after 24 hours of load.",
            "Moved the modules to the population order of the guide and updated the system ROM to {fw}.",
        ),
        errors=("iLO_400_MemoryErrors", "MEM-0221", "UncorrectableMemoryError"),
    ),
    Scenario(
        area="Storage",
        line="Storage",
        subjects=(
            "Drive in bay {slot} of {model} failed, logical drive degraded",
            "Array controller reports predictive failure for bay {slot}",
            "Rebuild does not start after a drive was replaced in {model}",
        ),
        symptoms=(
            "The amber LED of the drive in bay {slot} is on and the logical drive runs degraded.",
            "Applications are slow since the cache module of the controller was disabled.",
            "The rebuild stands at zero percent for hours.",
        ),
        details=(
            "The controller at PCI address {pci} logs {err} at {logtime}.",
            "Drive serial {drive}, part {part}, WWN {wwn}.",
            "The capacitor pack reports a charge of less than half.",
        ),
        checks=(
            "Collect the diagnostics report of the array controller.",
            "Reseat the drive in bay {slot} and look whether it is found.",
            "Compare drive firmware with release {fw}.",
        ),
        causes=("The drive in bay {slot} has grown defects.", "The backplane cable was not seated."),
        fixes=(
            "Replaced the drive in bay {slot} with spare {spare}; the rebuild ended without errors.",
            "Reseated the backplane cable and updated the controller to firmware {fw}.",
        ),
        errors=("SA-1785", "PhysicalDiskPredictiveFailure", "LogicalDriveDegraded"),
    ),
    Scenario(
        area="Power",
        line="Rack servers",
        subjects=(
            "Power supply {slot} of {model} reports no input",
            "{model} restarts under load, power redundancy lost",
            "Unexpected shutdown of {model} at night",
        ),
        symptoms=(
            "Redundancy of the power supplies is lost, the second one shows an amber LED.",
            "The server goes down as soon as all processors are busy.",
            "After a power cut in the room the server did not come back.",
        ),
        details=(
            "Power supply serial {drive}, part number {part}, firmware {fw}.",
            "The log has {err} at {logtime}; no other server in the rack is concerned.",
            "Both feeds were measured and give a stable voltage.",
        ),
        checks=(
            "Swap the two power supplies and see whether the fault moves.",
            "Read the power history of the management processor.",
            "Move the cord to another outlet of the distribution unit.",
        ),
        causes=(
            "The power supply in bay {slot} has failed.",
            "The power cap was set below what the server needs.",
        ),
        fixes=(
            "Replaced the power supply in bay {slot} with spare {spare}, redundancy is back.",
            "Raised the power cap and updated the power management controller to {fw}.",
        ),
        errors=("PWR-0311", "PowerSupplyInputLost", "PowerRedundancyLost"),
    ),
    Scenario(
        area="Network",
        line="Networking",
        subjects=(
            "Network card of {model} loses its link",
            "{model} network card failure in slot {slot}",
            "Packet loss on port {slot} after a driver update",
        ),
        symptoms=(
            "The link of port {slot} goes down for some seconds several times an hour.",
            "Half of the bandwidth is gone since one port of the team is missing.",
            "The adapter is not listed any more after a restart.",
        ),
        details=(
            "The adapter has MAC {mac} and sits at PCI {pci}.",
            "Host address {ip}, gateway {ip2}; the switch shows CRC errors.",
            "The driver logs {err} at {logtime}.",
        ),
        checks=(
            "Move the cable to another switch port and watch the counters.",
            "Replace the transceiver and the cable of port {slot}.",
            "Install driver version {fw4} and firmware {fw}.",
        ),
        causes=(
            "The transceiver of port {slot} is defective.",
            "Firmware and driver of the adapter do not fit each other.",
        ),
        fixes=(
            "Replaced the transceiver with part {part}; no errors in two days.",
            "Updated the adapter to firmware {fw}; the link is stable.",
        ),
        errors=("NIC-0042", "LinkDown", "AdapterHealthDegraded"),
    ),
    Scenario(
        area="Firmware",
        line="Management",
        subjects=(
            "Firmware update of {model} fails at the management processor",
            "Management processor of {model} does not answer",
            "System ROM update to {fw} is rejected",
        ),
        symptoms=(
            "The update stops at sixty percent and the browser session ends.",
            "The web interface answers with an error and remote console does not open.",
            "The component is shown as not applicable although the model fits.",
        ),
        details=(
            "Installed version {fw4}, wanted {fw}; the advisory speaks of {cve}.",
            "The management processor at {ip} answers to ping only.",
            "Sensor {oid} gives no value any more.",
        ),
        checks=(
            "Reset the management processor and wait for five minutes.",
            "Clear the update task queue and try the component alone.",
            "Check the hash of the component: {uuid}.",
        ),
        causes=(
            "The flash of the management processor was full.",
            "A former update was not completed by a restart.",
        ),
        fixes=(
            "Formatted the embedded flash and installed version {fw}; the update of all components went through.",
            "Restarted the server twice and applied the update with the offline image.",
        ),
        errors=("FWU-0117", "iLO_UpdateFailed", "ComponentRejected"),
    ),
    Scenario(
        area="Cooling",
        line="Rack servers",
        subjects=(
            "Fan {slot} of {model} runs at full speed",
            "{model} shuts down because of temperature",
            "Inlet temperature alarm on {model}",
        ),
        symptoms=(
            "All fans run at full speed and the noise does not go away.",
            "The server was powered off to protect itself from heat.",
            "The inlet sensor shows a value that cannot be right.",
        ),
        details=(
            "Sensor {oid} reads 72 C at {logtime}; {err} follows.",
            "Fan module part {part}; the blanks of all empty bays are in place.",
            "Room temperature is below 24 C and the filter was cleaned.",
        ),
        checks=(
            "Reseat fan {slot} and look for obstacles.",
            "Compare the sensor with the one of the server below.",
            "Update the system programmable logic device to {fw}.",
        ),
        causes=(
            "The bearing of fan {slot} is worn.",
            "An expansion card without a sensor makes the fans run fast.",
        ),
        fixes=(
            "Replaced fan {slot} with spare {spare}; speeds are normal.",
            "Updated the management processor to {fw}, which knows the card.",
        ),
        errors=("THM-0088", "FanDegraded", "TemperatureCritical"),
    ),
    Scenario(
        area="Frame",
        line="Composable",
        subjects=(
            "Link module of frame {frame} is not discovered",
            "Interconnect in bay {slot} of {frame} is offline",
            "Compute module of {frame} lost its profile",
        ),
        symptoms=(
            "One frame is missing in the ring and an alert stays active.",
            "All compute modules lost one of two paths.",
            "The profile shows an error state after a module was moved.",
        ),
        details=(
            "Frame serial {drive}, interconnect {part}, alert {err}.",
            "Uplink {wwn} went down at {logtime}.",
            "The appliance at {ip} lists resource {uuid} twice.",
        ),
        checks=(
            "Restart the link module and check both management cables.",
            "Export the support dump of the appliance.",
            "Reapply the logical interconnect group.",
        ),
        causes=(
            "A management cable was plugged into the wrong port.",
            "The interconnect in bay {slot} ran an old release.",
        ),
        fixes=(
            "Corrected the cabling; all frames are discovered.",
            "Updated the interconnect to release {fw} and reapplied the profile.",
        ),
        errors=("FRM-0105", "InterconnectOffline", "ProfileInconsistent"),
    ),
    Scenario(
        area="Operating system",
        line="Software",
        subjects=(
            "Operating system of {model} hangs during boot",
            "Purple screen on hypervisor host {model}",
            "Cluster node leaves the cluster every night",
        ),
        symptoms=(
            "Boot stops at the storage driver and a restart does not help.",
            "The host stops with a stack trace that names the storage driver.",
            "One node is evicted when the backup starts.",
        ),
        details=(
            "Kernel 5.14.0 with driver version {fw4}; the trace begins at {hexa}.",
            "The log shows {err} at {logtime} on host {ip}.",
            "Boot device WWN {wwn}, LUN {slot}.",
        ),
        checks=(
            "Boot with the former kernel and compare.",
            "Collect the crash dump and the system report.",
            "Check multipath settings against the support matrix.",
        ),
        causes=(
            "The storage driver has a known defect ({cve} is not concerned).",
            "The heartbeat network shared a port with backup.",
        ),
        fixes=(
            "Installed driver version {fw4} from the support pack; no hang in a week.",
            "Moved the heartbeat to a network of its own and set the time-out to 20 seconds.",
        ),
        errors=("OS-0420", "MachineCheckException", "HeartbeatLost"),
    ),
    Scenario(
        area="Licence",
        line="Management",
        subjects=(
            "Licence of the management processor of {model} is not accepted",
            "Licence server does not hand out licences",
            "Feature is greyed out after the licence was renewed",
        ),
        symptoms=(
            "The key is rejected as not valid for this product.",
            "Clients get no licence since the server was moved.",
            "Remote media cannot be used although the licence is there.",
        ),
        details=(
            "Entitlement order {order}, product {part}.",
            "The licence is bound to MAC {mac}, the new host has another one.",
            "Version {fw} is installed, {err} is logged.",
        ),
        checks=(
            "Compare the serial number of the entitlement with the server.",
            "Rehost the licence in the portal.",
            "Remove the trial key before the new one is entered.",
        ),
        causes=(
            "The entitlement belongs to another serial number.",
            "The licence was bound to the old adapter.",
        ),
        fixes=(
            "Rehosted the licence to the new MAC address; clients work.",
            "A new key was issued for serial {serial}.",
        ),
        errors=("LIC-0009", "LicenseRejected", "EntitlementMismatch"),
    ),
    Scenario(
        area="Security",
        line="Management",
        subjects=(
            "Vulnerability scanner reports {cve} on {model}",
            "Login to the management processor of {model} fails",
            "Certificate of the management processor has expired",
        ),
        symptoms=(
            "The scanner lists the management processor as vulnerable.",
            "The directory login is refused, local accounts work.",
            "Browsers warn of an expired certificate.",
        ),
        details=(
            "The finding is {cve} at {ip} port 443, version {fw4}.",
            "The log says {err} at {logtime}.",
            "The directory server is {ip2}; the account in question is {login}.",
        ),
        checks=(
            "Compare the installed version with the one of the bulletin.",
            "Test the directory settings with the built-in check.",
            "Create a new signing request and import the certificate.",
        ),
        causes=(
            "The installed version is older than the fixed one.",
            "The directory certificate was replaced last week.",
        ),
        fixes=(
            "Updated to version {fw}, the scanner is clean.",
            "Imported the new directory certificate; the login works.",
        ),
        errors=("SEC-0301", "DirectoryLoginFailed", "CertificateExpired"),
    ),
)
