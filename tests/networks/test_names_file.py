from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.networks.home_network import HomeNetwork, Names

if TYPE_CHECKING:
    from pathlib import Path

SUBSCRIBER = "0123456789"


@pytest.fixture(scope="session")
def names() -> Names:
    return Names.load()


@pytest.fixture
def names_of(tmp_path: Path):
    def load(text: str) -> Names:
        path = tmp_path / "names.toml"
        path.write_text(text, encoding="utf-8")
        return Names.load(path)

    return load


def home(names: Names, plmn: str) -> HomeNetwork | None:
    return names.home_network((plmn + SUBSCRIBER)[:15])


@pytest.mark.parametrize("key", ["US", "us", "Us"])
def test_a_country_is_renamed_by_its_iso_code_in_any_case(names_of, key):
    names = names_of(f'[countries]\n{key} = "usaphysical"')
    assert home(names, "310260") == HomeNetwork("310260", "usaphysical", "tmobile", named=True)
    assert home(names, "311480").country == "usaphysical"
    assert home(names, "310995") == HomeNetwork("310995", "usaphysical", "310995", named=False)
    assert home(names, "302720").country == "canada"


def test_the_operators_of_each_country_are_listed_under_the_own_names(names_of):
    operators = names_of('[countries]\nRU = "rossiya"\n[operators]\n25099 = "bee"').operators
    assert {"mts", "megafon", "bee"} <= operators["rossiya"]
    assert {"life", "kyivstar"} <= operators["ukraine"]
    assert "russia" not in operators


def test_an_mcc_wins_over_the_iso_code(names_of):
    names = names_of('[countries]\nUS = "usaphysical"\n310 = "usa310"')
    assert home(names, "310260").country == "usa310"
    assert home(names, "310995").country == "usa310"
    assert home(names, "311480").country == "usaphysical"


def test_an_mcc_leaves_the_countrys_other_networks_alone(names_of):
    names = names_of('[countries]\n310 = "usa310"')
    assert home(names, "311480").country == "usa"


def test_a_country_the_table_lacks_is_added_by_its_mcc(names_of):
    names = names_of('[countries]\n289 = "abkhazia"\n[operators]\n28988 = "a_mobile"')
    assert home(names, "28988") == HomeNetwork("28988", "abkhazia", "a_mobile", named=True)
    assert home(names, "28999") == HomeNetwork("28999", "abkhazia", "28999", named=False)


def test_an_mcc_does_not_settle_a_doubtful_network(names_of):
    assert home(names_of('[countries]\n338 = "jamaica2"'), "338050") is None


def test_an_operator_is_renamed(names_of):
    names = names_of('[operators]\n25062 = "t-mobile"')
    assert home(names, "25062") == HomeNetwork("25062", "russia", "t-mobile", named=True)
    assert home(names, "25001").operator == "mts"


def test_an_unknown_network_becomes_known_by_six_digits(names_of):
    names = names_of('[operators]\n250077 = "new"')
    assert home(names, "250077") == HomeNetwork("250077", "russia", "new", named=True)
    assert home(names, "250078") == HomeNetwork("25007", "russia", "25007", named=False)


def test_six_digits_of_the_names_file_win_over_five_of_the_table(names_of):
    names = names_of('[operators]\n250015 = "branch"')
    assert home(names, "250015").operator == "branch"
    assert home(names, "250016").operator == "mts"


def test_six_digits_stay_in_the_country_of_the_first_five(names_of):
    names = names_of('[operators]\n255001 = "branch"')
    assert home(names, "255001").country == "moldova"


def test_naming_a_doubtful_network_puts_it_in_its_mccs_country(names_of):
    names = names_of('[operators]\n338050 = "digicel"')
    assert home(names, "338050") == HomeNetwork("338050", "jamaica", "digicel", named=True)


def test_an_operator_override_keeps_a_renamed_country(names_of):
    names = names_of('[countries]\nru = "rossiya"\n[operators]\n25001 = "emtees"\n25077 = "new"')
    assert home(names, "25001") == HomeNetwork("25001", "rossiya", "emtees", named=True)
    assert home(names, "25077") == HomeNetwork("25077", "rossiya", "new", named=True)


def test_an_empty_names_file_changes_nothing(names, names_of):
    assert home(names_of("# nothing yet\n"), "25001") == home(names, "25001")


@pytest.mark.parametrize("text", ['[operators]\n25001 = "emtees"', '[countries]\nRU = "rossiya"'])
def test_the_fingerprint_changes_with_the_names(names, names_of, text):
    assert names_of("").fingerprint == names.fingerprint
    assert names_of(text).fingerprint != names.fingerprint


def test_a_byte_order_mark_is_tolerated(names_of):
    assert home(names_of('\ufeff[operators]\n25001 = "emtees"'), "25001").operator == "emtees"


@pytest.mark.parametrize(
    "name", ["o!", "t-2", "Moldovia_Virtual", "3mob", "life:)", "мтс", "anything", "a.b"]
)
def test_a_name_may_be_any_word(names_of, name):
    assert home(names_of(f'[operators]\n25001 = "{name}"'), "25001").operator == name


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[operator]\n25001 = "mts"', "[operator] is not a section; there are [countries] and [operators]"),
        ('25001 = "mts"', "[25001] is not a section"),
        ('countries = "russia"', "countries is not a section; write [countries] on a line of its own"),
        ("operators = 25001", "operators is not a section; write [operators] on a line of its own"),
        ('[countries]\nRUS = "russia"', "[countries] RUS = 'russia': the key is neither an ISO code"),
        ('[countries]\n25 = "russia"', "[countries] 25 = 'russia': the key is neither an ISO code"),
        ('[countries]\n25001 = "russia"', "[countries] 25001 = 'russia': the key is neither an ISO code"),
        ('[countries]\n"٢٥٠" = "russia"', "the key is neither an ISO code"),
        (
            '[countries]\nUK = "england"',
            "[countries] UK = 'england': no country of the table has this ISO code",
        ),
        ('[countries]\nru = "a"\nRU = "b"', "[countries] RU is there 2 times"),
        (
            '[operators]\n2501 = "mts"',
            "[operators] 2501 = 'mts': the key is not a PLMN of five or six digits",
        ),
        ('[operators]\n2500101 = "mts"', "[operators] 2500101 = 'mts': the key is not a PLMN"),
        ('[operators]\nmts = "25001"', "[operators] mts = '25001': the key is not a PLMN"),
        (
            '[operators]\n90128 = "x"',
            "[operators] 90128 = 'x': MCC 901 has no country; name it under [countries]",
        ),
        ("[operators]\n25001 = 1", "[operators] 25001 = 1: the name is not a string; write it in quotes"),
        ("[countries]\nRU = []", "[countries] RU = []: the name is not a string"),
        ('[operators]\n25001 = ""', "[operators] 25001 = '': the name is empty, or has a space or a control"),
        ('[operators]\n25001 = "two words"', "the name is empty, or has a space or a control"),
        ('[operators]\n25001 = "tab\\t"', "the name is empty, or has a space or a control"),
        ('[operators]\n25001 = "\\u00a0"', "the name is empty, or has a space or a control"),
        ('[operators]\n25001 = "\\u0000"', "the name is empty, or has a space or a control"),
        ('[operators]\n25001 = "any"', "'any' is the marketplace's word for the sum over all operators"),
        ('[operators]\n25001 = "ANY"', "'any' is the marketplace's word for the sum over all operators"),
        ('[countries]\nRU = "any"', "'any' is the marketplace's word for the sum over all operators"),
        ("[operators", "is not TOML: "),
        ("[operators]\n25001 = mts", "is not TOML: "),
        ('[operators]\n25001 = "a"\n25001 = "b"', "is not TOML: "),
    ],
)
def test_a_wrong_entry_is_refused_and_named(names_of, text, wrong):
    with pytest.raises(ConfigurationError) as refusal:
        names_of(text)
    assert f"- {wrong}" in str(refusal.value) or f": {wrong}" in str(refusal.value)


def test_one_message_names_the_file_and_every_wrong_entry(names_of, tmp_path):
    with pytest.raises(ConfigurationError) as refusal:
        names_of('[countries]\nUK = ""\n[operators]\n2501 = "mts"\n25001 = "any"\n25002 = "megafon"\n[more]')
    first, *rest = str(refusal.value).splitlines()
    assert first == f"RENT_NAMES_FILE: the names file {tmp_path / 'names.toml'} cannot be used:"
    wrong = [line.split(":")[0] for line in rest if line.startswith("- ")]
    assert wrong == [
        "- [countries] UK = ''",
        "- [countries] UK = ''",
        "- [operators] 2501 = 'mts'",
        "- [operators] 25001 = 'any'",
        "- [more] is not a section; there are [countries] and [operators]",
    ]
    assert "for example:" in rest


def test_the_example_of_the_error_is_itself_a_names_file(names_of):
    with pytest.raises(ConfigurationError) as refusal:
        names_of("[more]")
    names = names_of(str(refusal.value).partition("for example:\n")[2])
    assert home(names, "310260").country == "usaphysical"
    assert home(names, "25077").operator == "mts"


def test_a_names_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file or directory"):
        Names.load(tmp_path / "missing.toml")


def test_a_directory_is_no_names_file(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        Names.load(tmp_path)


def test_a_names_file_that_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "names.toml"
    path.write_bytes('[operators]\n25001 = "мтс"'.encode("cp1251"))
    with pytest.raises(ConfigurationError, match=r"is not UTF-8 \(byte 21\); save it as UTF-8"):
        Names.load(path)
