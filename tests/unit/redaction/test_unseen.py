"""Leaks and damage that new texts showed, by kind: names in running text, secrets, accounts."""

from __future__ import annotations

import pytest

from tests.unit.redaction.test_redactor import clean


def _left(text: str, wanted: str, table: str) -> list[str]:
    found = clean(text, table, identity={})
    return [w for w in wanted.split("|") if w in found]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Spoke with Ines and Konrad Weiß.", "Ines|Konrad|Weiß"),
        ("Met with Lena Hart, Paulo Silva and Mei Wong onsite", "Lena|Hart|Paulo|Silva|Mei|Wong"),
        ("Called by Aisha Kahn and Ben Foster; sent to Omar Haddad / Lea Roth.", "Kahn|Foster|Haddad|Roth"),
        ("Name: Carla Weller, Contact: Bob Trent", "Weller|Trent"),
        ("Technicien : Olivier Roux, contact sur site : Mme Girard (poste 4512)", "Roux|Girard"),
        ("telefoniert mit Frau Sandra Kühn und Herrn Bauer", "Kühn|Bauer"),
        ("conversado com a Sra. Helena Prado e o técnico João Batista", "Prado|João|Batista"),
        ("He hablado con Marta Gil y con Pablo Soto.", "Marta|Gil|Pablo|Soto"),
        ("Merci de contacter Mme Duval. La Sig.ra Conti e il Dott. Ferrari.", "Duval|Conti|Ferrari"),
        ("Mrs. de la Cruz, Dhr. van Dijk and Fr. Neumann", "Cruz|Dijk|Neumann"),
        ("Customer (Jane Dole) reported it", "Jane|Dole"),
        ("[10:02] Alice Munro: is it amber?\n[10:05] alice.munro: yes", "Alice|Munro|alice"),
        ("10:02:11 AM  Rahul Mehta: can you share it?", "Rahul|Mehta"),
        ("Rita Moss (09:12 AM): reboot done", "Rita|Moss"),
    ],
)  # fmt: skip
def test_names_in_running_text_go_with_those_beside_them(text: str, names: str) -> None:
    """Behind verbs of talking, titles and labels, each of several; speakers of a chat."""
    assert _left(text, names, "CaseComment") == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hallo,\n\nes läuft.\n\nViele Grüße aus Köln\nUwe", "Uwe"),
        ("Hallo,\n\nes läuft.\n\nBeste Grüße\nTobias", "Tobias"),
        ("Hello,\n\nit runs.\n\nRegards,\nMei-Ling Chow\nNetwork Ops", "Mei-Ling|Chow"),
        ("Hola:\n\nfunciona.\n\nUn cordial saludo,\nÁlvaro Ibarra\nSistemas", "Álvaro|Ibarra"),
        ("Prezada Sra. Almeida,\n\nok.\n\nAtenciosamente,\nRicardo Nogueira", "Almeida|Ricardo|Nogueira"),
    ],
)  # fmt: skip
def test_closings_of_other_languages_have_a_name_below(text: str, names: str) -> None:
    """A place behind the closing, a hyphen in the name, a greeting's word in the closing."""
    assert _left(text, names, "EmailMessage") == []


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("pw is hunter2x, and the PIN is 48213", "hunter2x|48213"),
        ("admin / Welcome123 works; iLO creds: Administrator / Passw0rt", "Welcome123|Passw0rt"),
        ("Kennwort fürs iLO lautet Sommer2024!, a senha é Trocar@123", "Sommer2024|Trocar@123"),
        ("snmp-server community Xyz RO\nsnmp-server host 10.2.3.4 version 2c Tr4p", "Xyz|Tr4p|10.2.3.4"),
        ("set snmp community n0tpublic authorization read-only", "n0tpublic"),
        ("username net secret 5 $1$mERr$hx5rVt7r\nenable secret 9 $9$abcDEF12", "hx5rVt7r|abcDEF12"),
        ("tacacs-server key 7 0822455D0A16\nneighbor 10.2.3.4 password Bgp!Key1", "0822455D0A16|Bgp!Key1"),
        ("auth-pass plaintext Auth1234 priv aes priv-pass plaintext Priv5678", "Auth1234|Priv5678"),
        ("racadm set iDRAC.Users.2.Password Calvin22", "Calvin22"),
        ("net use \\\\filer\\share /user:CORP\\ewolf Spring2024", "ewolf|Spring2024"),
    ],
)  # fmt: skip
def test_secrets_in_configurations_and_sentences_go(text: str, secrets: str) -> None:
    """Without a sign between the word and its value, as switches write them; pairs; other languages."""
    assert _left(text, secrets, "CaseComment") == []


@pytest.mark.parametrize(
    ("text", "accounts"),
    [
        ("mgarza@lnx-db-03:~$ sudo reboot\n[jpark@login02 ~]$ ls", "mgarza|jpark"),
        ("scp dump.tgz kbaker@203.0.113.77:/tmp", "kbaker|203.0.113.77"),
        ("C:\\Users\\Lena.Hofer\\Desktop\\a.ahs and /home/tnguyen/logs", "Lena.Hofer|tnguyen"),
        ("sshd[20113]: Accepted password for mwinter from 198.51.100.23 port 52144", "mwinter|198.51.100.23"),
        ("session opened for user lchan by (uid=0); rhost=203.0.113.7  user=tvega", "lchan|tvega"),
        ("web01 sudo: jkowal : TTY=pts/0 ; PWD=/home/jkowal ; USER=root", "jkowal"),
    ],
)  # fmt: skip
def test_accounts_of_people_go_from_logs_and_shells(text: str, accounts: str) -> None:
    """Prompts, remote shells, home folders, lines of sshd and sudo."""
    assert _left(text, accounts, "CaseComment") == []


@pytest.mark.parametrize(
    "text",
    [
        "version: 10.4.0.1, previously 10.3.0.7",
        "driver: 219.0.144.0 (was 216.0.59.0); Commvault 11.28.40.1, before that 11.24.7.2",
        "Server runs lpfc 12.9.5.5, latest is 7.9.29.76.",
        "194 Temperature_Celsius 0x0022 064 058 000 Old_age Always",
        "SNMP community string is wrong, the password 8 characters minimum; password sha512 hash",
        "SSH key ED25519, registry key HKLM2, the secret is out! pin is not bent",
        "root/lib64, /root/Desktop1A/x, ADMIN / ADMIN, root / filesystem",
        "password event 4625, password policy v2.1; PWD=/var/log/hpe",
        "oracle@dbsrv1:~$ df -h\nroot@node7:/tmp# ls\n[grid@rac1 ~]$ crsctl stat",
        "npm i left-pad@1.3.0 @types/node@18.11.9; /home/oracle/app, C:\\Users\\Public\\y",
        "Spoke with Dell support and Networking. Working with Red Hat on BZ 1234567",
        "10:13:38 Disk Manager: volume ok\n10:02 PM Power Supply: failed",
        "Client Receive Timeout. Username and Password to access the Image URI is not valid.",
        "Monitoring 3, Clustering 2, Mirroring 2",
        "Server mit LED Anzeige und mit Rotem Licht; Techniker Vor Ort; am Fr. Abend; Customer Portal Login",
        "https://host.example/home/overview and /opt/app/home/conf",
        "the principal is service/host@REALM; talked to HBase and ZK; /home/jre/bin",
    ],
)
@pytest.mark.parametrize("table", ["CaseComment", "WorkOrder"])
def test_what_stands_in_such_texts_and_is_technical_stays(text: str, table: str) -> None:
    """Earlier versions, tables of registers, paths, accounts of systems, words behind `password`."""
    assert clean(text, table, identity={}) == text
