"""The catalogue: six objects, 44 fields, and an organisation's own names."""

import pytest

from everycase.domain.catalogue import OBJECTS, Catalogue, Part, snake
from everycase.domain.errors import WrongUse


def test_the_catalogue_has_the_contracts_44_fields() -> None:
    """21 of Case (13 issue, 8 resolution), 4 + 5 + 6 + 4 + 4 of its children."""
    assert [len(o.counted) for o in OBJECTS] == [21, 4, 5, 6, 4, 4]
    assert sum(len(o.counted) for o in OBJECTS) == 44
    parts = [f.part for f in OBJECTS[0].counted]
    assert (parts.count(Part.ISSUE), parts.count(Part.RESOLUTION)) == (13, 8)


def test_every_field_has_a_property_of_its_own() -> None:
    """44 fields and two filters that are not among them; CreatedDate of a case is a filter too."""
    assert len(Catalogue().properties) == 44 + 3


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Id", "id"),
        ("CaseNumber", "case_number"),
        ("GSD_Environment_Plain_Text__c", "gsd_environment_plain_text"),
        ("Resolution__c", "resolution"),
        ("WorkOrderNumber", "work_order_number"),
    ],
)
def test_columns_are_the_api_names_in_snake_case(name: str, column: str) -> None:
    """Staging columns read like SQL."""
    assert snake(name) == column


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("status", "status"),
        ("Status", "status"),
        ("Case.Status", "status"),
        ("Task.Status", "task_status"),
        ("task_status", "task_status"),
        ("Product_Line__c", "product_line"),
        ("RCA__c", "root_cause"),
    ],
)
def test_people_name_properties_in_several_ways(said: str, meant: str) -> None:
    """By property, by API name, with or without the object, and by the organisation's own name."""
    assert Catalogue.remapped({"Case.Root_Cause__c": "RCA__c"}).property_for(said) == meant


def test_an_unknown_field_is_named_with_what_there_is() -> None:
    """The message helps."""
    with pytest.raises(WrongUse, match=r"no field 'colour'.*status"):
        Catalogue().property_for("colour")


@pytest.mark.parametrize(
    ("aliases", "identity"),
    [
        ({"Case.Nothing__c": "X"}, {}),
        ({"Nothing.Subject": "X"}, {}),
        ({}, {"Case.Lead__c": "colour"}),
        ({}, {"Nothing.Lead__c": "person"}),
    ],
)
def test_remapping_what_is_not_there_is_wrong_use(aliases: dict[str, str], identity: dict[str, str]) -> None:
    """A typing error in the settings is found at once."""
    with pytest.raises(WrongUse):
        Catalogue.remapped(aliases, identity=identity)
