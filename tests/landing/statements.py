"""Bank statements as banks write them, for the tests of their readers and of matching."""

CSV_HEADER = "value_date,booking_date,amount,currency,counterparty,reference,narrative,account\n"

CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-03-03T06:00:00Z</CreDtTm></GrpHdr>
<Stmt><Id>S-41</Id><ElctrncSeqNb>41</ElctrncSeqNb><CreDtTm>2026-03-03T06:00:00Z</CreDtTm>
<FrToDt><FrDtTm>2026-03-02T00:00:00Z</FrDtTm><ToDtTm>2026-03-02T23:59:59Z</ToDtTm></FrToDt>
<Acct><Id><IBAN>DE02 1203 0000 0000 2020 51</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{closing}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
{entries}
</Stmt></BkToCstmrStmt></Document>
"""

CAMT_RECEIPT = """<Ntry><NtryRef>1</NtryRef><Amt Ccy="EUR">250.10</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-02</Dt></ValDt>
<AcctSvcrRef>BANK-1</AcctSvcrRef>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>
<NtryDtls><TxDtls><Refs><EndToEndId>E2E-1</EndToEndId></Refs>
<RltdPties><Dbtr><Pty><Nm>Alpha GmbH</Nm></Pty></Dbtr></RltdPties>
<RmtInf><Ustrd>Rechnung US01-INV-</Ustrd><Ustrd>000007</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""

CAMT_BATCH = """<Ntry><Amt Ccy="EUR">30.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-03</Dt></ValDt><AcctSvcrRef>BATCH-9</AcctSvcrRef>
<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>
<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><Amt Ccy="EUR">{first}</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<RmtInf><Strd><CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>
<TxDtls><Refs><EndToEndId>E2E-3</EndToEndId></Refs><Amt Ccy="EUR">20.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></TxDtls>
</NtryDtls></Ntry>"""

CAMT_REVERSAL = """<Ntry><Amt Ccy="EUR">250.10</Amt><CdtDbtInd>DBIT</CdtDbtInd><RvslInd>true</RvslInd>
<Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>2026-03-02T10:00:00Z</DtTm></BookgDt><ValDt><Dt>2026-03-02</Dt></ValDt>
<AddtlNtryInf>Return of E2E-1</AddtlNtryInf></Ntry>"""

CAMT_PENDING = """<Ntry><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts>
<BookgDt><Dt>2026-03-02</Dt></BookgDt></Ntry>"""

MT940 = """{1:F01BANKDEFFXXXX0000000000}{2:O9400000000000BANKDEFFXXXX00000000000000000000N}{4:
:20:STARTUMS
:25:12030000/0000202051
:28C:41/1
:60F:C260302EUR1000,00
:61:2603020302CR250,10NTRFE2E-1//BANK-1
:86:166?00GUTSCHRIFT?20EREF+E2E-1?21SVWZ+Rechnung US01-INV-0000?2207?32Alpha GmbH
:61:2512310102RC10,NRTINONREF
RETURNED ITEM
:86:/EREF/E2E-8/REMI/chargeback of
 an older payment/NAME/Beta Ltd
:61:260302D5,5NCHGNONREF
:62F:C260302EUR{closing}
-}
"""

BAI2 = """01,BANKUS33,SELLER,260303,0600,41,80,1,2/
02,SELLER,BANKUS33,1,260302,2400,USD,2/
03,8675309,USD,010,100000,,,015,124500,,/
88,040,90000,,V,260303,0900/
16,195,25000,V,260301,,BREF1,026009593123456,AWS MARKETPLACE, PAYOUT/
16,475,500,,BREF2,,CHECK
88,NUMBER 17/
49,{total},6/
98,{total},1,8/
99,{total},1,10/
"""


def csv(*rows: str) -> str:
    return CSV_HEADER + "".join(f"{row}\n" for row in rows)


def camt(*entries: str, closing: str = "1000.00") -> str:
    return CAMT.format(entries="\n".join(entries), closing=closing)


def mt940(closing: str = "1234,60") -> str:
    return MT940.replace("{closing}", closing)


def bai2(total: str = "340000") -> str:
    return BAI2.replace("{total}", total)
