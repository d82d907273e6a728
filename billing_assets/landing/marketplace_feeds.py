"""The 13 data feeds of AWS Marketplace as one table: columns, types, keys and the values known so far.

Belongs here: facts about the feeds. How a cell is read is `marketplace_cells`; how a month file is loaded is
`marketplace`. Feeds are read by header name, so the order of columns here means nothing to a file.
"""

import re
from dataclasses import dataclass, field

# Cell types -> column types of raw_marketplace. A type says how a cell may be spelled, see `marketplace_cells`.
SQL_TYPES = {
    "text": "varchar",
    "agreement": "varchar",  # agreement id: agmnt- is agmt-
    "account": "varchar",  # AWS account number: twelve digits, lost zeros put back
    "number": "decimal(38,12)",
    "grouped": "decimal(38,12)",  # a number that may carry thousands commas
    "whole": "bigint",
    "flag": "boolean",
    "date": "date",
    "time": "timestamp",
}

# Stands on every feed, last.
_HISTORY = {"valid_from": "time", "insert_date": "time", "update_date": "time", "delete_date": "time"}


@dataclass(frozen=True)
class Feed:
    """One feed. `columns` = name -> cell type, history included.

    Without the `required` columns in its header a file is set aside: its rows could not be told apart, or would be
    money of no kind. A row with a blank in `filled` is quarantined for the same reason. Everything else may be
    missing: AWS adds columns over the years and does not fill them backwards.
    """

    name: str
    key: tuple[str, ...]
    columns: dict[str, str]
    required: tuple[str, ...]
    filled: tuple[str, ...]
    # A name under which a column was delivered or documented once -> its name today.
    aliases: dict[str, str] = field(default_factory=dict)
    # Column -> values that are known. Another value is kept and listed, never refused: AWS adds some without notice.
    known_values: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return f"raw_marketplace.{self.name}"


def _feed(
    name: str,
    key: str,
    columns: str,
    *,
    required: str = "",
    filled: str = "",
    aliases: dict[str, str] | None = None,
    known_values: dict[str, str] | None = None,
) -> Feed:
    """A feed from blank-separated names; a column is `name` (text) or `name:type`."""
    typed = {column.partition(":")[0]: column.partition(":")[2] or "text" for column in columns.split()}
    keys = tuple(key.split())
    return Feed(
        name=name,
        key=keys,
        columns=typed | _HISTORY,
        required=(*keys, *required.split(), *filled.split()),
        filled=(*keys, *filled.split()),
        aliases=aliases or {},
        known_values={column: frozenset(values.split()) for column, values in (known_values or {}).items()},
    )


_ACCOUNTS = _feed(
    "accountfeed",
    "account_id",
    """account_id aws_account_id:account encrypted_account_id mailing_address_id tax_address_id tax_registration_number
    tax_legal_name catalog""",
)
_ADDRESSES = _feed(
    "addressfeed",
    "address_id",
    """address_id aws_account_id:account email_domain company_name country_code state_or_region city postal_code
    address_line_1 address_line_2 address_line_3 valid_to:time""",
    aliases={"country": "country_code"},
)
_AGREEMENTS = _feed(
    "agreementfeed",
    "agreement_id",
    """agreement_id:agreement license_ids proposer_account_id acceptor_account_id offer_id
    offer_revision_at_acceptance:whole offer_set_id start_time:time end_time:time acceptance_time:time intent
    preceding_agreement_id:agreement status status_reason_code estimated_agreement_value:grouped currency_code
    recipient_account_id catalog""",
    known_values={
        "intent": "NEW RENEW REPLACE AMEND",
        "status": "ACTIVE TERMINATED CANCELLED EXPIRED REPLACED RENEWED ARCHIVED ROLLED_BACK SUPERSEDED",
    },
)
_AGREEMENT_TERMS = _feed(
    "agreementtermfeed",
    "agreement_id term_id",
    "agreement_id:agreement term_id term_type term_configuration",
    known_values={
        "term_type": """LegalTerm SupportTerm RenewalTerm UsageBasedPricingTerm ConfigurableUpfrontPricingTerm
        FixedUpfrontPricingTerm ByolPricingTerm RecurringPaymentTerm ValidityTerm PaymentScheduleTerm
        FreeTrialPricingTerm VariablePaymentTerm NetPaymentTerm"""
    },
)
_AGREEMENT_CHARGES = _feed(
    "agreementchargefeed",
    "agreement_id term_id time",
    "agreement_id:agreement term_id time:time amount:number currency_code",
    filled="amount",
)
_SHARES = "SELLER_REV_SHARE AWS_REV_SHARE SELLER_TAX_SHARE AWS_TAX_SHARE OTHER_SELLER_TAX_SHARE"
_BILLING_EVENTS = _feed(
    "billingeventfeed",
    "billing_event_id",
    """billing_event_id from_account_id to_account_id end_user_account_id product_id action transaction_type
    parent_billing_event_id disbursement_billing_event_id amount:number currency balance_impacting:flag
    invoice_date:time payment_due_date:time usage_period_start_date:time usage_period_end_date:time invoice_id
    billing_address_id transaction_reference_id buyer_transaction_reference_id bank_trace_id broker_id
    agreement_id:agreement offer_id buyer_invoice_id buyer_invoice_date:time line_item_id buyer_line_item_id
    invoice_variant charge_variant charge_side action_date:time disbursement_amount:number disbursement_currency
    disbursement_reference_number recipient_account_id catalog""",
    # Without them a row is money of no kind, of no amount or in no currency; AWS itself may leave a currency blank.
    required="currency",
    filled="action transaction_type amount",
    known_values={
        "action": "INVOICED FORGIVEN COLLECTED DISBURSED",
        "transaction_type": f"""{_SHARES} {" ".join(f"{share}_REFUND" for share in _SHARES.split())}
        SELLER_REV_SHARE_CREDIT AWS_REV_SHARE_CREDIT BALANCE_ADJUSTMENT AWS_INFRA_SHARE INFRA_FEE_PRETAX
        DISBURSEMENT DISBURSEMENT_FAILURE""",
        "invoice_variant": "PURCHASE RESALE LISTING_FEE TAX_VAT",
        "charge_variant": "PURCHASE RESALE LISTING_FEE",
        "charge_side": "SELLING BUYING",
        "broker_id": "AWS_INC AWS_EUROPE AWS_AUSTRALIA AWS_JAPAN AWS_KOREA",
    },
)
_DAILY_USAGE = _feed(
    "dailyusagefeed",
    "usage_feed_id",
    """usage_feed_id usage_date:date product_id agreement_id:agreement end_user_account_id payer_account_id region
    dimension_key usage_unit usage_quantity:number pricing_currency estimated_revenue_in_pricing_currency:number
    usage_rate_per_unit_in_pricing_currency:number offer_id charge_item_description recipient_account_id catalog""",
)
_LEGACY_IDS = _feed(
    "legacyidmappingfeed",
    "mapping_type legacy_id new_id",
    "mapping_type legacy_id new_id catalog",
    known_values={"mapping_type": "OFFER PRODUCT"},
)
_OFFERS = _feed(
    "offerfeed",
    "offer_id offer_revision",
    """offer_id offer_revision:whole name expiration_date:time opportunity_id opportunity_name opportunity_description
    seller_account_id recipient_account_id catalog""",
)
_OFFER_PRODUCTS = _feed(
    "offerproductfeed", "offer_id offer_revision product_id", "offer_id offer_revision:whole product_id catalog"
)
_OFFER_TARGETS = _feed(
    "offertargetfeed",
    "offer_target_id",
    "offer_target_id offer_id offer_revision:whole target_type polarity value catalog",
    known_values={
        "target_type": "BuyerAccounts ParticipatingPrograms CountryCodes",
        "polarity": "PositiveTargeting NegativeTargeting",
    },
)
_PRODUCTS = _feed("productfeed", "product_id", "product_id manufacturer_account_id product_code title catalog")
_TAX_ITEMS = _feed(
    "taxitemfeed",
    "tax_item_id",
    """tax_item_id invoice_id line_item_id customer_bill_id tax_liable_party transaction_type_code product_id
    product_tax_code invoice_date:time taxed_customer_account_id taxed_customer_country taxed_customer_state_or_region
    taxed_customer_city taxed_customer_postal_code tax_location_code_taxed_jurisdiction tax_type_code
    jurisdiction_level taxed_jurisdiction display_price_taxability_type taxable_amount:number
    nontaxable_amount:number tax_jurisdiction_rate:number tax_amount:number tax_currency tax_calculation_reason_code
    date_used_for_tax_calculation:time customer_exemption_certificate_id customer_exemption_certificate_id_domain
    customer_exemption_certificate_level customer_exemption_code customer_exemption_domain transaction_reference_id""",
    known_values={
        "tax_liable_party": "AWS Seller",
        "transaction_type_code": "AWS REFUND TAXONLYREFUND",
        "tax_type_code": "None Sales SellerUse",
        "jurisdiction_level": "State County City District",
        "display_price_taxability_type": "Exclusive",
        "tax_calculation_reason_code": "Taxable NonTaxable Exempt zero-rated",
    },
)

FEEDS = {
    feed.name: feed
    for feed in (
        _ACCOUNTS,
        _ADDRESSES,
        _AGREEMENTS,
        _AGREEMENT_TERMS,
        _AGREEMENT_CHARGES,
        _BILLING_EVENTS,
        _DAILY_USAGE,
        _LEGACY_IDS,
        _OFFERS,
        _OFFER_PRODUCTS,
        _OFFER_TARGETS,
        _PRODUCTS,
        _TAX_ITEMS,
    )
}

FOLDER = "aws_marketplace"
_PATH = re.compile(
    rf"{FOLDER}/(?P<feed>[A-Za-z_]+?)_v1/year=(?P<year>[0-9]{{4}})/month=(?P<month>0?[1-9]|1[0-2])/data\.csv(\.gz)?"
)


def feed_of(path: str) -> Feed | None:
    """The feed of a month file by its path below the landing root; None where it is none.

    AWS does not document the case of the feed's folder, nor whether its words are parted: any is taken.
    """
    match = _PATH.fullmatch(path)
    return FEEDS.get(_plain(match["feed"])) if match else None


def period_of(path: str) -> str:
    """The month of a feed's file as 'YYYY-MM'. Raises ValueError where the path is no month file."""
    match = _PATH.fullmatch(path)
    if not match:
        raise ValueError(f"{path} is no month file of a feed")
    return f"{match['year']}-{int(match['month']):02}"


def is_in_a_feed(path: str) -> bool:
    """Whether a path stands in the folder of a feed, whatever its name is there."""
    folder = path.removeprefix(f"{FOLDER}/").partition("/")[0]
    return _plain(re.sub(r"_v1$", "", folder)) in FEEDS


def _plain(folder: str) -> str:
    return folder.lower().replace("_", "")
