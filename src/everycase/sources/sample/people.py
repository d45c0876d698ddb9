"""People, companies and places of the generated sample. All of them invented, and none of them a word.

A name that is also a word, or a part of one, could not be told from it when the truth is checked.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_NAMES = (
    "Anouk Ansel Bianca Cedric Celine Dario Delia Dimitri Edda Elias Enzo Fabian Fiona Gabor Gerda Gustav "
    "Hector Helga Hugo Ilse Imre Ingrid Janek Joris Judith Kasper Katja Leonie Linus Lorenz Lucia Malte "
    "Marit Matteo Nadia Noémie Olaf Oskar Paula Petra Quentin Ramona Renata Ruben Sabine Samir Selma Søren "
    "Stefan Svenja Tamara Thandiwe Tobias Ulrich Valentin Viktor Wanda Wilma Xaver Yara Yvonne Zoran"
).split()
LAST_NAMES = (
    "Abendroth",
    "Ackermann",
    "Albrecht",
    "Amundsen",
    "Arslan",
    "Bachmann",
    "Balint",
    "Barlow",
    "Bengtsson",
    "Bianchi",
    "Blaschke",
    "Bogdanov",
    "Calloway",
    "Castellano",
    "Chaudhary",
    "Dahlgren",
    "Delacroix",
    "Dombrowski",
    "Eberhardt",
    "Ekström",
    "Engelhardt",
    "Fairbanks",
    "Falkner",
    "Farrington",
    "Ferreira",
    "Fontaine",
    "Gallagher",
    "Garibaldi",
    "Grabowski",
    "Gundersen-Holt",
    "Hallberg",
    "Haverkamp",
    "Hendriksen",
    "Hofstetter",
    "Ivanenko",
    "Jankowski",
    "Johansen",
    "Kaminski",
    "Kowalczyk",
    "Kristensen",
    "Lachance",
    "Lindqvist",
    "Lombardi",
    "Lundgren",
    "Maddox",
    "Marchetti",
    "Mikkelsen",
    "Moretti",
    "Müllenbach",
    "Nakamura",
    "Novotny",
    "Núñez",
    "Oberholzer",
    "Okafor",
    "Olszewski",
    "Pemberton",
    "Petersson",
    "Quintero",
    "Radcliffe",
    "Rasmussen",
    "Rosenthal",
    "Santoro",
    "Schönfeld",
    "Sokolov",
    "Steinbach",
    "Sundqvist",
    "Szabo",
    "Takahashi",
    "Thorvald",
    "Underhill",
    "Vandenberg",
    "Vasquez",
    "Villeneuve",
    "Wachowski",
    "Weatherby",
    "Westergaard",
    "Wierzbicki",
    "Yamazaki",
    "Zielinski",
    "Zimmerli",
)
COMPANIES = (
    "Altermann Logistics GmbH",
    "Bluefjord Shipping AS",
    "Brightmoor Textiles Ltd",
    "Cedarbrook Insurance Inc",
    "Dovetail Foods Ltd",
    "Eastmarsh Clinics Ltd",
    "Fennwald Energie AG",
    "Glasswing Media LLC",
    "Harrowgate Mills Ltd",
    "Ironpeak Mining Corp",
    "Juniper Hollow Bank NV",
    "Kestrelway Airlines Inc",
    "Lindenhof Kliniken GmbH",
    "Meridian Quay Retail Ltd",
    "Northlake Utilities Corp",
    "Oakhurst University",
    "Pinegrove Pharma SA",
    "Quillstone Publishing Inc",
    "Rowanfield Water Ltd",
    "Stonehaven Ferries AS",
    "Tanglewood Motors Corp",
    "Vantaforge Steel SA",
)
TITLES = (
    "System Administrator",
    "Data Center Engineer",
    "Infrastructure Manager",
    "Operations Manager",
    "IT Support Engineer",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """How a country writes its places and telephone numbers."""

    name: str
    cities: tuple[tuple[str, str], ...]
    """Name and postal code."""
    streets: tuple[str, ...]
    """`{}` is the house number."""
    phones: tuple[str, ...]
    """Of the ranges that are kept for fiction; `#` is a digit."""


COUNTRIES = (
    Country(
        name="United States",
        cities=(("Eastwick", "VT 05401"), ("Marlow Bridge", "OH 43004"), ("Cold Prairie", "MN 56001")),
        streets=(
            "{} Harbour Street",
            "{} Cloverfield Avenue",
            "{} Old Mill Road",
            "{} Quarry Lane",
            "{} Windermere Drive",
            "{} Observatory Avenue",
        ),
        phones=(
            "(202) 555-01##",
            "(303) 555-01##",
            "404-555-01##",
            "617-555-01##",
            "+1 512 555 01##",
            "+1 702 555 01##",
        ),
    ),
    Country(
        name="United Kingdom",
        cities=(("Kirkhaven", "EH1 1AA"), ("Nether Stowmarsh", "TA5 1LJ")),
        streets=("{} Foundry Road", "{} Millrace Lane", "{} Cathedral Street", "{} Juniper Way"),
        phones=("+44 20 7946 0###", "020 7946 0###", "+44 131 496 0###"),
    ),
    Country(
        name="Germany",
        cities=(("Hollenstedt", "21279"), ("Quarrenbach", "54673")),
        streets=("Lindenstraße {}", "Mühlenweg {}", "Bahnhofstr. {}"),
        phones=("+49 30 23125 ###", "030 23125 ###"),
    ),
    Country(
        name="France",
        cities=(("Fontaubert", "33120"), ("Saint-Orlin", "69490")),
        streets=("{} rue des Tanneurs", "{} avenue du Canal"),
        phones=("+33 1 99 00 ## ##", "01 99 00 ## ##"),
    ),
)
