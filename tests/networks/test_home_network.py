from __future__ import annotations

import pytest

from onlinesim_rent.networks.home_network import HomeNetwork, Names

SUBSCRIBER = "0123456789"


@pytest.fixture(scope="session")
def names() -> Names:
    return Names.load()


def home(names: Names, plmn: str) -> HomeNetwork | None:
    return names.home_network((plmn + SUBSCRIBER)[:15])


@pytest.mark.parametrize(
    ("plmn", "country", "operator"),
    [
        ("25001", "russia", "mts"),
        ("25002", "russia", "megafon"),
        ("25011", "russia", "yota"),
        ("25020", "russia", "tele2"),
        ("25026", "russia", "vtb_mobile"),
        ("25035", "russia", "motiv"),
        ("25039", "russia", "rostelecom"),
        ("25050", "russia", "sber"),
        ("25062", "russia", "tinkoff"),
        ("25099", "russia", "beeline"),
        ("25501", "ukraine", "vodafone"),
        ("25502", "ukraine", "kyivstar"),
        ("25503", "ukraine", "kyivstar"),
        ("25506", "ukraine", "life"),
        ("25507", "ukraine", "3mob"),
        ("25701", "belarus", "mdc"),
        ("25704", "belarus", "life"),
        ("25901", "moldova", "orange"),
        ("25903", "moldova", "unite"),
        ("40101", "kazakhstan", "beeline"),
        ("40102", "kazakhstan", "kcell"),
        ("40107", "kazakhstan", "altel"),
        ("40177", "kazakhstan", "tele2"),
        ("43709", "kyrgyzstan", "o!"),
        ("43407", "uzbekistan", "mobiuz"),
        ("28204", "georgia", "beeline"),
        ("28301", "armenia", "team"),
        ("40004", "azerbaijan", "nar_mobile"),
        ("24602", "lithuania", "bite"),
        ("24702", "latvia", "tele2"),
        ("24801", "estonia", "telia"),
        ("26001", "poland", "plus"),
        ("26002", "poland", "tmobile"),
        ("26003", "poland", "orange"),
        ("26006", "poland", "play"),
        ("26201", "germany", "telekom"),
        ("26202", "germany", "vodafone"),
        ("26203", "germany", "o2"),
        ("26207", "germany", "o2"),
        ("23001", "czech", "tmobile"),
        ("29364", "slovenia", "t-2"),
        ("21910", "croatia", "a1"),
        ("21630", "hungary", "tmobile"),
        ("22605", "romania", "digi"),
        ("28405", "bulgaria", "yettel"),
        ("23410", "england", "o2"),
        ("23415", "england", "vodafone"),
        ("23420", "england", "three"),
        ("23430", "england", "ee"),
        ("23433", "england", "ee"),
        ("20801", "france", "orange"),
        ("20815", "france", "free"),
        ("21407", "spain", "movistar"),
        ("22288", "italy", "wind"),
        ("26803", "portugal", "nos"),
        ("20408", "netherlands", "kpn"),
        ("20420", "netherlands", "tmobile"),
        ("24002", "sweden", "three"),
        ("24491", "finland", "telia"),
        ("28603", "turkey", "turk_telekom"),
        ("42505", "israel", "jawwal"),
        ("46000", "china", "chinamobile"),
        ("46001", "china", "china_unicom"),
        ("45403", "hongkong", "three"),
        ("45505", "macao", "3macao"),
        ("45204", "vietnam", "viettel"),
        ("51089", "indonesia", "three"),
        ("51502", "philippines", "globe_telecom"),
        ("46601", "taiwan", "fareast"),
        ("41000", "pakistan", "41000"),
        ("62150", "nigeria", "glomobile"),
        ("63902", "kenya", "safaricom"),
        ("65507", "southafrica", "cell_c"),
        ("50501", "australia", "telstra"),
        ("72406", "brazil", "vivo"),
        ("27801", "malta", "epic"),
        ("22101", "kosovo", "vala"),
        ("302720", "canada", "rogers"),
        ("310260", "usa", "tmobile"),
        ("310410", "usa", "at_t"),
        ("311480", "usa", "verizon"),
        ("311220", "usa", "us_cellular"),
        ("313340", "usa", "boost_mobile"),
        ("334020", "mexico", "telcel"),
        ("722310", "argentina", "claro"),
        ("732101", "colombia", "claro"),
        ("405854", "india", "jio"),
        ("40410", "india", "airtel"),
        ("502150", "malaysia", "tune_talk"),
        ("50216", "malaysia", "digi"),
    ],
)
def test_a_home_network_has_the_marketplaces_names(names, plmn, country, operator):
    assert home(names, plmn) == HomeNetwork(plmn, country, operator, named=operator != plmn)


@pytest.mark.parametrize("imsi", ["250010", "25001012345678", "250010123456789"])
def test_an_imsi_may_be_shorter_than_fifteen_digits(names, imsi):
    assert names.home_network(imsi).operator == "mts"


@pytest.mark.parametrize(
    "imsi",
    [
        "",
        "25001",
        "2500101234567890",
        "25001012345678a",
        "+25001012345678",
        "250010123456789\n",
        " 250010123456789",
        "٢٥٠٠١٠١٢٣٤٥٦٧٨٩",
        "25001012345678²",
    ],
)
def test_only_six_to_fifteen_digits_have_a_home_network(names, imsi):
    assert names.home_network(imsi) is None


@pytest.mark.parametrize("mcc", ["001", "289", "901", "902", "995", "999", "800"])
def test_an_mcc_without_a_country_has_no_home_network(names, mcc):
    assert home(names, mcc + "01") is None


@pytest.mark.parametrize(
    ("imsi", "country", "digits"),
    [
        ("250770123456789", "russia", "25077"),
        ("250007123456789", "russia", "25000"),
        ("310995123456789", "usa", "310995"),
        ("302001123456789", "canada", "302001"),
        ("262990123456789", "germany", "26299"),
        ("535001123456789", "guam", "535001"),
    ],
)
def test_an_unknown_network_is_listed_under_its_digits(names, imsi, country, digits):
    assert names.home_network(imsi) == HomeNetwork(digits, country, digits, named=False)


def test_six_digits_win_over_five(names):
    assert home(names, "738002").operator == "gt_t_cellink_plus"
    assert home(names, "738005").operator == "enetworks"


@pytest.mark.parametrize("plmn", ["338050", "31059", "25598", "50510", "64701"])
def test_a_network_whose_country_is_in_doubt_has_no_home_network(names, plmn):
    assert home(names, plmn) is None


def test_the_five_digits_before_a_doubtful_sixth_still_count(names):
    assert home(names, "338051") == HomeNetwork("33805", "jamaica", "digi", named=True)


@pytest.mark.parametrize(
    ("plmn", "country"),
    [
        ("23403", "england"),
        ("23450", "england"),
        ("310370", "guam"),
        ("311470", "usvirginislands"),
        ("313790", "puertorico"),
        ("25500", "moldova"),
        ("34001", "guadeloupe"),
        ("64700", "reunion"),
        ("36268", "curacao"),
        ("28967", "russia"),
    ],
)
def test_networks_of_one_mcc_may_be_of_several_countries(names, plmn, country):
    assert home(names, plmn).country == country
