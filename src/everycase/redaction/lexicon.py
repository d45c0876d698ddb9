"""Words that decide what a name is, and what is none."""

from __future__ import annotations

LEGAL_FORMS = frozenset(
    "inc incorporated corp corporation co company ltd limited llc llp lp plc gmbh ag kg kgaa ohg ug se sa "
    "sas sarl srl spa bv nv ab as asa oy oyj aps pty pte pvt sdn bhd kk ltda group holding holdings".split()
)
PUBLIC_DOMAINS = frozenset(
    "gmail.com googlemail.com yahoo.com hotmail.com outlook.com live.com msn.com aol.com icloud.com "
    "me.com mac.com gmx.de gmx.net web.de t-online.de mail.ru qq.com 163.com 126.com protonmail.com "
    "proton.me yandex.ru".split()
)
ROLES = frozenset(
    "info support admin administrator root sales contact help helpdesk service noreply no-reply "
    "donotreply office mail team webmaster postmaster hostmaster billing it ops dev test user hpe hp".split()
)
NAMES_THAT_ARE_WORDS = frozenset(
    "mark may will price bill rich grant chase frank art sue pat jack rob drew hope faith joy grace dawn "
    "summer april june august page park young long short rose iris ray dean king bush wood stone fox case "
    "cook baker banks cash best link field power rack server storm bell nick don guy gene dale glen cliff "
    "brook brooks forest woods hill hall lake rivers ford march major bishop abbot knight marshall parker "
    "taylor carter turner mason miller smith fisher hunter archer potter porter weaver brown black white "
    "green gray grey gold silver blue day night winter christian lane street way church house temple "
    "fields marsh moss reed heath max min van der den von dos the and for new good little small large "
    "love singer law lord judge noble prince earl duke miles mile sage star sky sunny penny buck jay "
    "robin martin wolf lamb crane drake swan bird finch hawk joe job read reader write close open data "
    "node test tester user admin root support system team null none unknown patch bot hat red core code "
    "port gate gates key keys lock locks drive branch tree web net cloud host apache hudson client "
    "session leader follower master agent worker watch monitor queue cluster index log logs issue task "
    "tier level group desk center centre global customer customers service services operations engineer "
    "engineering manager technician hardware software default guest public anonymous operator owner "
    "github gitlab asf jira jenkins automation integration robot build builder".split()
)
"""Single names that are words too: masked within a name, or in a greeting, but not on their own."""

NOBODY = frozenset(
    "unknown,n/a,na,none,null,nil,tbd,nobody,anonymous,unassigned,not available,no name".split(",")
)
"""What columns hold where nobody is meant; folded."""
