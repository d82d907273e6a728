BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE decisions (
	decision_no BIGINT NOT NULL, 
	decision TEXT NOT NULL, 
	what TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	recorded_on TEXT NOT NULL, 
	expires_on TEXT, 
	entry_sequence BIGINT NOT NULL, 
	PRIMARY KEY (decision_no)
)
 WITHOUT ROWID

;
INSERT INTO "decisions" VALUES(1,'approve','price_override','{"charge_id":"tokens","contract_id":"C-1","version":2}','head of sales','renewal','2026-04-03',NULL,3);
INSERT INTO "decisions" VALUES(2,'hold','document','{"document_id":"C-9"}','controller','dispute','2026-04-03','2026-04-03',4);
CREATE TABLE entry (
	sequence BIGINT NOT NULL, 
	recorded_at TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	run_identity TEXT, 
	action TEXT NOT NULL, 
	object_kind TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	payload TEXT NOT NULL, 
	payload_hash TEXT NOT NULL, 
	previous_hash TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (sequence)
)
 WITHOUT ROWID

;
INSERT INTO "entry" VALUES(1,'2026-11-22T06:13:01.192580+00:00','service:nightly',NULL,'register','batch','1','{"facts":{"as_of":"2026-04-03","files":2},"rows":{"landed_files":{"[1]":"c5354da89f36acd824c533364eea211f5fbc550f8efc05fc7e51cc68d574045f","[2]":"1356299dc48ba0cf1621cb2299c8f59c45bbf9e5ea7edf19ca125b1677f483fb"}}}','d005e5aa9f96efe2e005d5dd27c705ac7736d2eb5f36666d2a20bd21f8450dab','0000000000000000000000000000000000000000000000000000000000000000','cfa5886f75d402b485ceb6d5949349de6067c76dd0c52aaf2c2db3595c68f018');
INSERT INTO "entry" VALUES(2,'2026-11-22T06:13:01.228315+00:00','service:nightly','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','run_started','run','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','{"facts":{},"rows":{"run_events":{"[1]":"c3e6666f011857ca25d302657a025120c5829633fe2d51985d0ee8add1610493"}}}','a1d74f2fdfb974c55894c1f49bfb987ba9b0ef7cc62b9cf64c544e6d4e1b32c2','cfa5886f75d402b485ceb6d5949349de6067c76dd0c52aaf2c2db3595c68f018','0f4c528168b0c353eddaee67accf2d4e016b0b45c129b7e7a878e1e11f7ac3a0');
INSERT INTO "entry" VALUES(3,'2026-11-22T06:13:01.244181+00:00','head of sales',NULL,'decide','decision','1','{"facts":{"decision":"approve","subject":{"charge_id":"tokens","contract_id":"C-1","version":2},"what":"price_override"},"rows":{"decisions":{"[1]":"978efe084ff97dc6e98e7c37704028192b6a1d5180daa510ba543642d28e2071"}}}','64a562f3c1b5bdaba34a10aa7275358b3e7fb50f341ea3831fdd561d5b9ae737','0f4c528168b0c353eddaee67accf2d4e016b0b45c129b7e7a878e1e11f7ac3a0','dd188b2599d9c8a53cc11c6a42078869ce84161acf408e053f4b2502233c9e4b');
INSERT INTO "entry" VALUES(4,'2026-11-22T06:13:01.254138+00:00','controller',NULL,'decide','decision','2','{"facts":{"decision":"hold","subject":{"document_id":"C-9"},"what":"document"},"rows":{"decisions":{"[2]":"ee17549f09920fb0c23ed4cc754116ef8f27c982924a377e38416845b8dd3f55"}}}','5340318ebbde3ff0c062662f1f1826078468273ad15c94471671766ff63387dd','dd188b2599d9c8a53cc11c6a42078869ce84161acf408e053f4b2502233c9e4b','c5d775290555c98118acb2944f300de55d5d84a63f63f793fdf411a1ab4eab54');
INSERT INTO "entry" VALUES(5,'2026-11-22T06:13:01.262015+00:00','service:nightly','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','decide_gate','issue_batch','1','{"facts":{"as_of":"2026-04-03","documents":3},"rows":{"gate_verdicts":{"[1,1]":"b41e031111d03a7860f847ce6ec448a0e0b05da9d8aa58b24b8d903ddc629503","[1,2]":"2134e694120aa3c5559c079499ac05ad3bd8d3be591d12f260edb612fb42c92b","[1,3]":"394ce3d3a9efc6358f067a4381c1638545e60076c8a9c9c33d9b789ff7160fb1"}}}','5937ecdd9bd042314c636ea223b75e0f60ea6ed77ea082c06731410e77bbdaeb','c5d775290555c98118acb2944f300de55d5d84a63f63f793fdf411a1ab4eab54','2185d2aa8212b7937881094459c82bb66e33637003ee88aa34af3a15c6bb7e19');
INSERT INTO "entry" VALUES(6,'2026-11-22T06:13:01.262015+00:00','service:nightly','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','issue','document','C-1/2026-04-01/invoice/0','{"facts":{"content_hash":"content of C-1","currency":"USD","number":"US01-INV-000001","total":"108.5"},"rows":{"issued_documents":{"[\"C-1/2026-04-01/invoice/0\"]":"58ac43c58afbd04c5ab2d9c540c200b68788741b1683a3fe049f71fb596fed5a"},"issued_lines":{"[\"C-1/2026-04-01/invoice/0\",1]":"2c4741077470ad6a0ba1d195464a1dad5f7a8c3731243352c2cb07d1c775cf08","[\"C-1/2026-04-01/invoice/0\",2]":"3103565697f18942a0f754520cdea2605ea5aa6df9e66f98c488302eef561fca"},"outbox_items":{"[\"file/C-1/2026-04-01/invoice/0/v1\"]":"9e1ace8453bb5039e0e6a8f8db6272e9272ec3e23c29f75a0e5467b4ddd31460"}}}','8e08206c08dd86e9c745e7c361d2c6db0f11a5902633498db1b09c38a0e8560d','2185d2aa8212b7937881094459c82bb66e33637003ee88aa34af3a15c6bb7e19','072ef169426842319f2d4316726b68736246cdeda63c163cb888a3283ef4532e');
INSERT INTO "entry" VALUES(7,'2026-11-22T06:13:01.262015+00:00','service:nightly','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','issue','document','C-2/2026-04-01/invoice/0','{"facts":{"content_hash":"content of C-2","currency":"EUR","number":"DE01-INV-000001","total":"108.5"},"rows":{"issued_documents":{"[\"C-2/2026-04-01/invoice/0\"]":"62561e4bbc182e14738928d08a982900f45def1dbe12266336e797b7d853b5d9"},"issued_lines":{"[\"C-2/2026-04-01/invoice/0\",1]":"4019ce06d58e2d37064fafbe9efc251d6684143aa316dc2ccba42f214485891e","[\"C-2/2026-04-01/invoice/0\",2]":"515d86ffd96f085ab92b03c9e62229b3ae2e8273576bd18bffecc4972a502cd4"},"outbox_items":{"[\"file/C-2/2026-04-01/invoice/0/v1\"]":"75a5bbd144e5881462f616675033bba31ab7773ebd51c7cb5bc5275667afeb7a"}}}','ebb83126e746c208f006bafdf0c0c3727745142e2e874d2b993e080bebddb7e4','072ef169426842319f2d4316726b68736246cdeda63c163cb888a3283ef4532e','2a4b94a84da27b69cf407d8d603abeebe78b8c63547367e2732fcda5b8f6bc76');
INSERT INTO "entry" VALUES(8,'2026-11-22T06:13:01.262015+00:00','service:nightly','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','issue','document','C-3/2026-04-01/credit_memo/0','{"facts":{"content_hash":"content of C-3","currency":"USD","number":"US01-CM-000001","total":"-5"},"rows":{"issued_documents":{"[\"C-3/2026-04-01/credit_memo/0\"]":"8717435e473ee05fef96f710c1a1a1ca63a87bc55ef316fa0c0d19b01fad5d55"},"issued_lines":{"[\"C-3/2026-04-01/credit_memo/0\",1]":"6234c8a3bb3500a7ac778ad199cb83df7a4419117b14623a8e44bf92961b2bba","[\"C-3/2026-04-01/credit_memo/0\",2]":"c9dcd831b2d742cd0df06949b5298b984ee41f6e3f7d73d6a26aa7d0edbcdf1f"},"outbox_items":{"[\"file/C-3/2026-04-01/credit_memo/0/v1\"]":"2c72c9a17fd67bdfe0ecd638d067439f009fa1b57defe097edd93c1d88dc2acb"}}}','87476f2b25f4c8f8db131b3d92ed56a5a77744f48d0a231e27a0ff69f8315de6','2a4b94a84da27b69cf407d8d603abeebe78b8c63547367e2732fcda5b8f6bc76','79a940552339f597f521f6af38bb8256b88fd2bb799b8395cbe29159dc784029');
INSERT INTO "entry" VALUES(9,'2026-11-22T06:13:01.304664+00:00','service:nightly',NULL,'attempt','outbox_items','file/C-1/2026-04-01/invoice/0/v1','{"facts":{"planned":1},"rows":{"outbox_attempts":{"[\"file/C-1/2026-04-01/invoice/0/v1\",1]":"1d564e4816d3ecb6a322efb7ddde8b51745e2566ff54fb9575a5b0afc1b3d050"}}}','55952d32a90c515aad11838c755f5b3dd01f0c4227c75aef19f3f7e79aca4a2e','79a940552339f597f521f6af38bb8256b88fd2bb799b8395cbe29159dc784029','b3c08c525f8609d73c422978b85b8db6ec68a774e14a8861d9c1dc95bac06f9f');
INSERT INTO "entry" VALUES(10,'2026-11-22T06:13:01.320139+00:00','service:nightly',NULL,'attempt','outbox_items','file/C-1/2026-04-01/invoice/0/v1','{"facts":{"sent":1},"rows":{"outbox_attempts":{"[\"file/C-1/2026-04-01/invoice/0/v1\",2]":"e12fc6ac293e0ef3c400cb41a2c8bf1eb73c7f1de91f0da2fc506cf1a257dc1a"}}}','9154b92fabc8aef17b1e7a00657dcf1ea6a246a5b8a90c75b0c5b5e81b54aecf','b3c08c525f8609d73c422978b85b8db6ec68a774e14a8861d9c1dc95bac06f9f','0f12880f0421f4f9c2096eb67c85e3af0260809eb985baa0f83f7fd460f6dede');
INSERT INTO "entry" VALUES(11,'2026-11-22T06:13:01.328669+00:00','service:nightly',NULL,'attempt','outbox_items','file/C-2/2026-04-01/invoice/0/v1','{"facts":{"planned":1},"rows":{"outbox_attempts":{"[\"file/C-2/2026-04-01/invoice/0/v1\",1]":"c07a51038036e8f2f2ae805e7a06638d99b36c057e7b2cd5e3177cc286abaf7d"}}}','afd4263b954e7fed2db604556ca3b2b81b94349f984d934d834fc5bb137ee20f','0f12880f0421f4f9c2096eb67c85e3af0260809eb985baa0f83f7fd460f6dede','7aa77bb7c3a3ec65872111b7514645be4d646ef4c7cf10e4f90087fac9a06425');
INSERT INTO "entry" VALUES(12,'2026-11-22T06:13:01.336700+00:00','service:nightly',NULL,'attempt','outbox_items','file/C-2/2026-04-01/invoice/0/v1','{"facts":{"sent":1},"rows":{"outbox_attempts":{"[\"file/C-2/2026-04-01/invoice/0/v1\",2]":"f7730abd59406eda8e33139e09334f6311596b173b7e87e90d4cdbe06683fbf6"}}}','6ae9318822bf7f2c1555df32c30dfc67cc575628b744b6be2df7d164c6af8dbc','7aa77bb7c3a3ec65872111b7514645be4d646ef4c7cf10e4f90087fac9a06425','2356c1f1c226510e6f0ffd00d0018a826fd9ecf521a0b714b3c8c2bdbe5f7de2');
INSERT INTO "entry" VALUES(13,'2026-11-22T06:13:01.344067+00:00','service:nightly',NULL,'attempt','outbox_items','file/C-1/2026-04-01/invoice/0/v1','{"facts":{"confirmed":1},"rows":{"outbox_attempts":{"[\"file/C-1/2026-04-01/invoice/0/v1\",3]":"1aa1573c9f4d0101645e823ccacc8534ad642c20cd9f67a3653b3cfc3f5e4dd9"}}}','1afab70776e058831fa18678768debb153c89bd368cc2c56bb57a4ba06351dd2','2356c1f1c226510e6f0ffd00d0018a826fd9ecf521a0b714b3c8c2bdbe5f7de2','d0c755542715b4318f692869b57a90377a1a77aed38f6cb524f0e868f8c1ea0c');
INSERT INTO "entry" VALUES(14,'2026-11-22T06:13:01.354997+00:00','service:nightly','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','record_exceptions','exceptions','2026-04-03','{"facts":{"closed":0,"reopened":0,"seen":2},"rows":{"exception_events":{"[\"e1\",1]":"59c2c5005177c8ef64221e4e7b5b4708b551b8a5d75d2a014d18ef45b6fc13ba","[\"e2\",1]":"79e987a53e2fc96524a529884faefd00d1613c354d2cbf555ecf081cd28d5584"}}}','a14afae614b604632c254aa5083bcb0aa33fc4928a0ef0e9fbcd9b93f4521006','d0c755542715b4318f692869b57a90377a1a77aed38f6cb524f0e868f8c1ea0c','0ca93554848bee08d2cf02dda727c873f9e0dff15de144d2f3da475d514deed4');
INSERT INTO "entry" VALUES(15,'2026-11-22T06:13:01.368025+00:00','service:nightly',NULL,'record_exceptions','exceptions','2026-04-03','{"facts":{"closed":2,"reopened":0,"seen":0},"rows":{"exception_events":{"[\"e1\",2]":"bafb395ff2c6e4c626ab1246d11c565082020e607c5a8d61b703ae297edaea75","[\"e2\",2]":"fe3a6bc248c2e0c4be20a903f13b114e848d83853d245f0e10e9c59326cb655d"}}}','f26abd347952218cd09e446a18db74f98fc03ef883e98080fb18ceeb27785524','0ca93554848bee08d2cf02dda727c873f9e0dff15de144d2f3da475d514deed4','e669b427197a0360d88607d3c583f3877f7d4f1e7fdd34960768bfd20d1ec09e');
INSERT INTO "entry" VALUES(16,'2026-11-22T06:13:01.376046+00:00','service:nightly',NULL,'record_exceptions','exceptions','2026-04-03','{"facts":{"closed":0,"reopened":1,"seen":0},"rows":{"exception_events":{"[\"e1\",3]":"d6188ef08085818eb03636d9154b7b3ff71c38529b72415af1a98eaf9bde5dd6"}}}','3b2281632d943bd8bfc21f03ef820d370b84d578d289b8ac8159aa931c2a1739','e669b427197a0360d88607d3c583f3877f7d4f1e7fdd34960768bfd20d1ec09e','b060c542b5dd59c3bc0f1c9d4790def96026754f17a2318a20ed5f85b86107e0');
INSERT INTO "entry" VALUES(17,'2026-11-22T06:13:01.391069+00:00','service:nightly','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','run_finished','run','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','{"facts":{},"rows":{"run_events":{"[2]":"be5528410dfc6854f5a89346c5950cce34cda7b02aa2364aea88a3df813de131"}}}','63d7d7b2e2a4c97032d5f39720e36c75a99afb706c4a6a35d3453f05f4b2db58','b060c542b5dd59c3bc0f1c9d4790def96026754f17a2318a20ed5f85b86107e0','f24314e758c49947e32f215b8f3bac27874825842a952a6c58368cf50ec5987e');
CREATE TABLE exception_events (
	exception_id TEXT NOT NULL, 
	event_no BIGINT NOT NULL, 
	event TEXT NOT NULL, 
	as_of TEXT NOT NULL, 
	control_id TEXT, 
	business_key TEXT, 
	period TEXT, 
	entry_sequence BIGINT NOT NULL, 
	PRIMARY KEY (exception_id, event_no)
)
 WITHOUT ROWID

;
INSERT INTO "exception_events" VALUES('e1',1,'seen','2026-04-03','USG-07','A-1','2026-03',14);
INSERT INTO "exception_events" VALUES('e1',2,'closed','2026-04-03',NULL,NULL,NULL,15);
INSERT INTO "exception_events" VALUES('e1',3,'reopened','2026-04-03','USG-07','A-1','2026-03',16);
INSERT INTO "exception_events" VALUES('e2',1,'seen','2026-04-03',NULL,NULL,NULL,14);
INSERT INTO "exception_events" VALUES('e2',2,'closed','2026-04-03',NULL,NULL,NULL,15);
CREATE TABLE gate_verdicts (
	issue_batch BIGINT NOT NULL, 
	verdict_no BIGINT NOT NULL, 
	level TEXT NOT NULL, 
	"key" TEXT, 
	period TEXT, 
	selling_entity TEXT, 
	channel TEXT, 
	verdict TEXT NOT NULL, 
	reasons TEXT NOT NULL, 
	scope_hash TEXT, 
	entry_sequence BIGINT NOT NULL, 
	PRIMARY KEY (issue_batch, verdict_no)
)
 WITHOUT ROWID

;
INSERT INTO "gate_verdicts" VALUES(1,1,'scope',NULL,'2026-03','US01','direct','open','[]','5c09e',5);
INSERT INTO "gate_verdicts" VALUES(1,2,'scope',NULL,'2026-03','DE01','direct','open','[]','5c09e',5);
INSERT INTO "gate_verdicts" VALUES(1,3,'document','C-8/x','2026-03','US01','direct','closed','["INV-02"]','5c09e',5);
CREATE TABLE issued_documents (
	document_id TEXT NOT NULL, 
	sequence BIGINT NOT NULL, 
	number TEXT NOT NULL, 
	number_no BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	contract_id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	selling_entity TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	bill_date TEXT NOT NULL, 
	period_from TEXT, 
	period_to TEXT, 
	close_period TEXT NOT NULL, 
	issue_date TEXT NOT NULL, 
	due_date TEXT NOT NULL, 
	subtotal TEXT NOT NULL, 
	discount TEXT NOT NULL, 
	credit_applied TEXT NOT NULL, 
	tax TEXT NOT NULL, 
	total TEXT NOT NULL, 
	paid_from_credits TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	corrects_document_id TEXT, 
	content_hash TEXT NOT NULL, 
	run_identity TEXT NOT NULL, 
	issue_batch BIGINT NOT NULL, 
	entry_sequence BIGINT NOT NULL, 
	PRIMARY KEY (document_id), 
	CONSTRAINT uq_issued_documents_identity UNIQUE (contract_id, bill_date, kind, revision), 
	CONSTRAINT uq_issued_documents_number UNIQUE (selling_entity, kind, number_no), 
	CONSTRAINT uq_issued_documents_sequence UNIQUE (sequence)
)
 WITHOUT ROWID

;
INSERT INTO "issued_documents" VALUES('C-1/2026-04-01/invoice/0',1,'US01-INV-000001',1,'invoice','C-1','A-C-1','direct','US01','USD','2026-04-01','2026-03-01','2026-04-01','2026-03','2026-04-03','2026-05-03','100','0','0','8.5','108.5','0',0,NULL,'content of C-1','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b',1,6);
INSERT INTO "issued_documents" VALUES('C-2/2026-04-01/invoice/0',2,'DE01-INV-000001',1,'invoice','C-2','A-C-2','direct','DE01','EUR','2026-04-01','2026-03-01','2026-04-01','2026-03','2026-04-03','2026-05-03','100','0','0','8.5','108.5','0',0,NULL,'content of C-2','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b',1,7);
INSERT INTO "issued_documents" VALUES('C-3/2026-04-01/credit_memo/0',3,'US01-CM-000001',1,'credit_memo','C-3','A-C-3','direct','US01','USD','2026-04-01','2026-03-01','2026-04-01','2026-03','2026-04-03','2026-05-03','100','0','0','8.5','-5','0',0,'C-3/2026-03-01/invoice/0','content of C-3','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b',1,8);
CREATE TABLE issued_lines (
	document_id TEXT NOT NULL, 
	line_no BIGINT NOT NULL, 
	parent_line_no BIGINT, 
	charge_id TEXT, 
	reference_id TEXT, 
	line_kind TEXT NOT NULL, 
	product TEXT, 
	meter TEXT, 
	group_key TEXT, 
	service_from TEXT, 
	service_to TEXT, 
	quantity TEXT, 
	unit TEXT, 
	unrounded_amount TEXT, 
	amount TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	price_version BIGINT, 
	original_period TEXT, 
	entry_sequence BIGINT NOT NULL, 
	PRIMARY KEY (document_id, line_no), 
	FOREIGN KEY(document_id) REFERENCES issued_documents (document_id)
)
 WITHOUT ROWID

;
INSERT INTO "issued_lines" VALUES('C-1/2026-04-01/invoice/0',1,NULL,'tokens',NULL,'usage','model-a','tokens','{"region":"eu"}','2026-03-01','2026-04-01','12345.678','tokens','100','100','USD',1,NULL,6);
INSERT INTO "issued_lines" VALUES('C-1/2026-04-01/invoice/0',2,1,'tokens','vat','tax','model-a','tokens','{"region":"eu"}','2026-03-01','2026-04-01','12345.678','tokens','8.5','8.5','USD',1,NULL,6);
INSERT INTO "issued_lines" VALUES('C-2/2026-04-01/invoice/0',1,NULL,'tokens',NULL,'usage','model-a','tokens','{"region":"eu"}','2026-03-01','2026-04-01','12345.678','tokens','100','100','EUR',1,NULL,7);
INSERT INTO "issued_lines" VALUES('C-2/2026-04-01/invoice/0',2,1,'tokens','vat','tax','model-a','tokens','{"region":"eu"}','2026-03-01','2026-04-01','12345.678','tokens','8.5','8.5','EUR',1,NULL,7);
INSERT INTO "issued_lines" VALUES('C-3/2026-04-01/credit_memo/0',1,NULL,'tokens',NULL,'usage','model-a','tokens','{"region":"eu"}','2026-03-01','2026-04-01','12345.678','tokens','100','100','USD',1,NULL,8);
INSERT INTO "issued_lines" VALUES('C-3/2026-04-01/credit_memo/0',2,1,'tokens','vat','tax','model-a','tokens','{"region":"eu"}','2026-03-01','2026-04-01','12345.678','tokens','8.5','8.5','USD',1,NULL,8);
CREATE TABLE landed_files (
	file_sequence BIGINT NOT NULL, 
	batch BIGINT NOT NULL, 
	first_seen TEXT NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	landed_sha256 TEXT NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	source TEXT NOT NULL, 
	status TEXT NOT NULL, 
	duplicate_of BIGINT, 
	entry_sequence BIGINT NOT NULL, 
	PRIMARY KEY (file_sequence)
)
 WITHOUT ROWID

;
INSERT INTO "landed_files" VALUES(1,1,'2026-04-03','usage/a.jsonl','sha of usage/a.jsonl','landed sha of usage/a.jsonl',10,'usage','new',NULL,1);
INSERT INTO "landed_files" VALUES(2,1,'2026-04-03','usage/b.jsonl','sha of usage/b.jsonl','landed sha of usage/b.jsonl',10,'usage','new',1,1);
CREATE TABLE outbox_attempts (
	item_key TEXT NOT NULL, 
	attempt_no BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	detail TEXT, 
	as_of TEXT NOT NULL, 
	entry_sequence BIGINT NOT NULL, 
	PRIMARY KEY (item_key, attempt_no), 
	FOREIGN KEY(item_key) REFERENCES outbox_items (item_key)
)
 WITHOUT ROWID

;
INSERT INTO "outbox_attempts" VALUES('file/C-1/2026-04-01/invoice/0/v1',1,'planned',NULL,'2026-04-03',9);
INSERT INTO "outbox_attempts" VALUES('file/C-1/2026-04-01/invoice/0/v1',2,'sent',NULL,'2026-04-03',10);
INSERT INTO "outbox_attempts" VALUES('file/C-1/2026-04-01/invoice/0/v1',3,'confirmed','read back','2026-04-03',13);
INSERT INTO "outbox_attempts" VALUES('file/C-2/2026-04-01/invoice/0/v1',1,'planned',NULL,'2026-04-03',11);
INSERT INTO "outbox_attempts" VALUES('file/C-2/2026-04-01/invoice/0/v1',2,'sent',NULL,'2026-04-03',12);
CREATE TABLE outbox_items (
	item_key TEXT NOT NULL, 
	target TEXT NOT NULL, 
	batch BIGINT NOT NULL, 
	document_id TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	payload_hash TEXT NOT NULL, 
	payload TEXT NOT NULL, 
	entry_sequence BIGINT NOT NULL, 
	PRIMARY KEY (item_key), 
	FOREIGN KEY(document_id) REFERENCES issued_documents (document_id), 
	CONSTRAINT uq_outbox_items_document UNIQUE (target, document_id, version)
)
 WITHOUT ROWID

;
INSERT INTO "outbox_items" VALUES('file/C-1/2026-04-01/invoice/0/v1','file',1,'C-1/2026-04-01/invoice/0',1,'5f51bf1d4afb7ec49fb51527d3871ffb44d84a8c97b1f1d2e95a61aa2096bb94','{"document":{"account_id":"A-C-1","bill_date":"2026-04-01","channel":"direct","close_period":"2026-03","content_hash":"content of C-1","contract_id":"C-1","corrects_document_id":null,"credit_applied":"0","currency":"USD","discount":"0","document_id":"C-1/2026-04-01/invoice/0","due_date":"2026-05-03","issue_date":"2026-04-03","kind":"invoice","number":"US01-INV-000001","paid_from_credits":"0","period_from":"2026-03-01","period_to":"2026-04-01","revision":0,"selling_entity":"US01","subtotal":"100","tax":"8.5","total":"108.5"},"lines":[{"amount":"100","charge_id":"tokens","currency":"USD","group_key":"{\"region\":\"eu\"}","line_kind":"usage","line_no":1,"meter":"tokens","original_period":null,"parent_line_no":null,"price_version":1,"product":"model-a","quantity":"12345.678","reference_id":null,"service_from":"2026-03-01","service_to":"2026-04-01","unit":"tokens","unrounded_amount":"100"},{"amount":"8.5","charge_id":"tokens","currency":"USD","group_key":"{\"region\":\"eu\"}","line_kind":"tax","line_no":2,"meter":"tokens","original_period":null,"parent_line_no":1,"price_version":1,"product":"model-a","quantity":"12345.678","reference_id":"vat","service_from":"2026-03-01","service_to":"2026-04-01","unit":"tokens","unrounded_amount":"8.5"}],"schema_version":1}',6);
INSERT INTO "outbox_items" VALUES('file/C-2/2026-04-01/invoice/0/v1','file',1,'C-2/2026-04-01/invoice/0',1,'e3e00f7669f4a22ce2debe92902dd0c61371efd8d4d244b0f6d0e9db79d0c74c','{"document":{"account_id":"A-C-2","bill_date":"2026-04-01","channel":"direct","close_period":"2026-03","content_hash":"content of C-2","contract_id":"C-2","corrects_document_id":null,"credit_applied":"0","currency":"EUR","discount":"0","document_id":"C-2/2026-04-01/invoice/0","due_date":"2026-05-03","issue_date":"2026-04-03","kind":"invoice","number":"DE01-INV-000001","paid_from_credits":"0","period_from":"2026-03-01","period_to":"2026-04-01","revision":0,"selling_entity":"DE01","subtotal":"100","tax":"8.5","total":"108.5"},"lines":[{"amount":"100","charge_id":"tokens","currency":"EUR","group_key":"{\"region\":\"eu\"}","line_kind":"usage","line_no":1,"meter":"tokens","original_period":null,"parent_line_no":null,"price_version":1,"product":"model-a","quantity":"12345.678","reference_id":null,"service_from":"2026-03-01","service_to":"2026-04-01","unit":"tokens","unrounded_amount":"100"},{"amount":"8.5","charge_id":"tokens","currency":"EUR","group_key":"{\"region\":\"eu\"}","line_kind":"tax","line_no":2,"meter":"tokens","original_period":null,"parent_line_no":1,"price_version":1,"product":"model-a","quantity":"12345.678","reference_id":"vat","service_from":"2026-03-01","service_to":"2026-04-01","unit":"tokens","unrounded_amount":"8.5"}],"schema_version":1}',7);
INSERT INTO "outbox_items" VALUES('file/C-3/2026-04-01/credit_memo/0/v1','file',1,'C-3/2026-04-01/credit_memo/0',1,'20b75e49b9ff9fe28eeb90a9256b3863b820af633623576b0cc6f41f784c2cd6','{"document":{"account_id":"A-C-3","bill_date":"2026-04-01","channel":"direct","close_period":"2026-03","content_hash":"content of C-3","contract_id":"C-3","corrects_document_id":"C-3/2026-03-01/invoice/0","credit_applied":"0","currency":"USD","discount":"0","document_id":"C-3/2026-04-01/credit_memo/0","due_date":"2026-05-03","issue_date":"2026-04-03","kind":"credit_memo","number":"US01-CM-000001","paid_from_credits":"0","period_from":"2026-03-01","period_to":"2026-04-01","revision":0,"selling_entity":"US01","subtotal":"100","tax":"8.5","total":"-5"},"lines":[{"amount":"100","charge_id":"tokens","currency":"USD","group_key":"{\"region\":\"eu\"}","line_kind":"usage","line_no":1,"meter":"tokens","original_period":null,"parent_line_no":null,"price_version":1,"product":"model-a","quantity":"12345.678","reference_id":null,"service_from":"2026-03-01","service_to":"2026-04-01","unit":"tokens","unrounded_amount":"100"},{"amount":"8.5","charge_id":"tokens","currency":"USD","group_key":"{\"region\":\"eu\"}","line_kind":"tax","line_no":2,"meter":"tokens","original_period":null,"parent_line_no":1,"price_version":1,"product":"model-a","quantity":"12345.678","reference_id":"vat","service_from":"2026-03-01","service_to":"2026-04-01","unit":"tokens","unrounded_amount":"8.5"}],"schema_version":1}',8);
CREATE TABLE run_events (
	event_no BIGINT NOT NULL, 
	event TEXT NOT NULL, 
	run_identity TEXT NOT NULL, 
	as_of TEXT NOT NULL, 
	register_sequence BIGINT NOT NULL, 
	decision_sequence BIGINT NOT NULL, 
	code_hash TEXT NOT NULL, 
	entry_sequence BIGINT NOT NULL, 
	PRIMARY KEY (event_no)
)
 WITHOUT ROWID

;
INSERT INTO "run_events" VALUES(1,'started','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','2026-04-03',2,1,'c0de',2);
INSERT INTO "run_events" VALUES(2,'finished','4656c2e699deb32ab9a5173117843d703c7c799706aafdd81a0bfce80f80d17b','2026-04-03',2,1,'c0de',17);
CREATE INDEX ix_outbox_items_batch ON outbox_items (target, batch);
CREATE TRIGGER guard_decisions_update BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_decisions_delete BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_decisions_insert BEFORE INSERT ON decisions BEGIN SELECT RAISE(ABORT, 'decisions has this decision_no already') WHERE EXISTS (SELECT 1 FROM decisions WHERE decision_no = NEW.decision_no); SELECT RAISE(ABORT, 'decisions.decision_no is out of order') WHERE NEW.decision_no IS NOT (SELECT coalesce(max(decision_no), 0) FROM decisions WHERE 1) + 1; SELECT RAISE(ABORT, 'decisions row comes after its entry') WHERE NEW.entry_sequence <= (SELECT coalesce(max(sequence), 0) FROM entry); END;
CREATE TRIGGER guard_entry_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entry is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_entry_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'entry is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_entry_insert BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'entry has this sequence already') WHERE EXISTS (SELECT 1 FROM entry WHERE sequence = NEW.sequence); SELECT RAISE(ABORT, 'entry.sequence is out of order') WHERE NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) FROM entry WHERE 1) + 1; SELECT RAISE(ABORT, 'entry does not continue the chain') WHERE NEW.previous_hash IS NOT coalesce((SELECT hash FROM entry WHERE sequence = (SELECT coalesce(max(sequence), 0) FROM entry)), '0000000000000000000000000000000000000000000000000000000000000000'); END;
CREATE TRIGGER guard_exception_events_update BEFORE UPDATE ON exception_events BEGIN SELECT RAISE(ABORT, 'exception_events is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_exception_events_delete BEFORE DELETE ON exception_events BEGIN SELECT RAISE(ABORT, 'exception_events is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_exception_events_insert BEFORE INSERT ON exception_events BEGIN SELECT RAISE(ABORT, 'exception_events has this exception_id, event_no already') WHERE EXISTS (SELECT 1 FROM exception_events WHERE exception_id = NEW.exception_id AND event_no = NEW.event_no); SELECT RAISE(ABORT, 'exception_events.event_no is out of order') WHERE NEW.event_no IS NOT (SELECT coalesce(max(event_no), 0) FROM exception_events WHERE exception_id = NEW.exception_id) + 1; SELECT RAISE(ABORT, 'exception_events row comes after its entry') WHERE NEW.entry_sequence <= (SELECT coalesce(max(sequence), 0) FROM entry); END;
CREATE TRIGGER guard_gate_verdicts_update BEFORE UPDATE ON gate_verdicts BEGIN SELECT RAISE(ABORT, 'gate_verdicts is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_gate_verdicts_delete BEFORE DELETE ON gate_verdicts BEGIN SELECT RAISE(ABORT, 'gate_verdicts is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_gate_verdicts_insert BEFORE INSERT ON gate_verdicts BEGIN SELECT RAISE(ABORT, 'gate_verdicts has this issue_batch, verdict_no already') WHERE EXISTS (SELECT 1 FROM gate_verdicts WHERE issue_batch = NEW.issue_batch AND verdict_no = NEW.verdict_no); SELECT RAISE(ABORT, 'gate_verdicts.verdict_no is out of order') WHERE NEW.verdict_no IS NOT (SELECT coalesce(max(verdict_no), 0) FROM gate_verdicts WHERE issue_batch = NEW.issue_batch) + 1; SELECT RAISE(ABORT, 'gate_verdicts row comes after its entry') WHERE NEW.entry_sequence <= (SELECT coalesce(max(sequence), 0) FROM entry); END;
CREATE TRIGGER guard_issued_documents_update BEFORE UPDATE ON issued_documents BEGIN SELECT RAISE(ABORT, 'issued_documents is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_issued_documents_delete BEFORE DELETE ON issued_documents BEGIN SELECT RAISE(ABORT, 'issued_documents is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_issued_documents_insert BEFORE INSERT ON issued_documents BEGIN SELECT RAISE(ABORT, 'issued_documents has this document_id already') WHERE EXISTS (SELECT 1 FROM issued_documents WHERE document_id = NEW.document_id); SELECT RAISE(ABORT, 'issued_documents has this contract_id, bill_date, kind, revision already') WHERE EXISTS (SELECT 1 FROM issued_documents WHERE contract_id = NEW.contract_id AND bill_date = NEW.bill_date AND kind = NEW.kind AND revision = NEW.revision); SELECT RAISE(ABORT, 'issued_documents has this selling_entity, kind, number_no already') WHERE EXISTS (SELECT 1 FROM issued_documents WHERE selling_entity = NEW.selling_entity AND kind = NEW.kind AND number_no = NEW.number_no); SELECT RAISE(ABORT, 'issued_documents has this sequence already') WHERE EXISTS (SELECT 1 FROM issued_documents WHERE sequence = NEW.sequence); SELECT RAISE(ABORT, 'issued_documents.sequence is out of order') WHERE NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) FROM issued_documents WHERE 1) + 1; SELECT RAISE(ABORT, 'issued_documents.number_no is out of order') WHERE NEW.number_no IS NOT (SELECT coalesce(max(number_no), 0) FROM issued_documents WHERE selling_entity = NEW.selling_entity AND kind = NEW.kind) + 1; SELECT RAISE(ABORT, 'issued_documents row comes after its entry') WHERE NEW.entry_sequence <= (SELECT coalesce(max(sequence), 0) FROM entry); END;
CREATE TRIGGER guard_landed_files_update BEFORE UPDATE ON landed_files BEGIN SELECT RAISE(ABORT, 'landed_files is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_landed_files_delete BEFORE DELETE ON landed_files BEGIN SELECT RAISE(ABORT, 'landed_files is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_landed_files_insert BEFORE INSERT ON landed_files BEGIN SELECT RAISE(ABORT, 'landed_files has this file_sequence already') WHERE EXISTS (SELECT 1 FROM landed_files WHERE file_sequence = NEW.file_sequence); SELECT RAISE(ABORT, 'landed_files.file_sequence is out of order') WHERE NEW.file_sequence IS NOT (SELECT coalesce(max(file_sequence), 0) FROM landed_files WHERE 1) + 1; SELECT RAISE(ABORT, 'landed_files row comes after its entry') WHERE NEW.entry_sequence <= (SELECT coalesce(max(sequence), 0) FROM entry); END;
CREATE TRIGGER guard_run_events_update BEFORE UPDATE ON run_events BEGIN SELECT RAISE(ABORT, 'run_events is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_run_events_delete BEFORE DELETE ON run_events BEGIN SELECT RAISE(ABORT, 'run_events is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_run_events_insert BEFORE INSERT ON run_events BEGIN SELECT RAISE(ABORT, 'run_events has this event_no already') WHERE EXISTS (SELECT 1 FROM run_events WHERE event_no = NEW.event_no); SELECT RAISE(ABORT, 'run_events.event_no is out of order') WHERE NEW.event_no IS NOT (SELECT coalesce(max(event_no), 0) FROM run_events WHERE 1) + 1; SELECT RAISE(ABORT, 'run_events row comes after its entry') WHERE NEW.entry_sequence <= (SELECT coalesce(max(sequence), 0) FROM entry); END;
CREATE TRIGGER guard_issued_lines_update BEFORE UPDATE ON issued_lines BEGIN SELECT RAISE(ABORT, 'issued_lines is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_issued_lines_delete BEFORE DELETE ON issued_lines BEGIN SELECT RAISE(ABORT, 'issued_lines is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_issued_lines_insert BEFORE INSERT ON issued_lines BEGIN SELECT RAISE(ABORT, 'issued_lines has this document_id, line_no already') WHERE EXISTS (SELECT 1 FROM issued_lines WHERE document_id = NEW.document_id AND line_no = NEW.line_no); SELECT RAISE(ABORT, 'issued_lines row comes after its entry') WHERE NEW.entry_sequence <= (SELECT coalesce(max(sequence), 0) FROM entry); END;
CREATE TRIGGER guard_outbox_items_update BEFORE UPDATE ON outbox_items BEGIN SELECT RAISE(ABORT, 'outbox_items is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_outbox_items_delete BEFORE DELETE ON outbox_items BEGIN SELECT RAISE(ABORT, 'outbox_items is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_outbox_items_insert BEFORE INSERT ON outbox_items BEGIN SELECT RAISE(ABORT, 'outbox_items has this item_key already') WHERE EXISTS (SELECT 1 FROM outbox_items WHERE item_key = NEW.item_key); SELECT RAISE(ABORT, 'outbox_items has this target, document_id, version already') WHERE EXISTS (SELECT 1 FROM outbox_items WHERE target = NEW.target AND document_id = NEW.document_id AND version = NEW.version); SELECT RAISE(ABORT, 'outbox_items row comes after its entry') WHERE NEW.entry_sequence <= (SELECT coalesce(max(sequence), 0) FROM entry); END;
CREATE TRIGGER guard_outbox_attempts_update BEFORE UPDATE ON outbox_attempts BEGIN SELECT RAISE(ABORT, 'outbox_attempts is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_outbox_attempts_delete BEFORE DELETE ON outbox_attempts BEGIN SELECT RAISE(ABORT, 'outbox_attempts is append-only: corrections are new entries'); END;
CREATE TRIGGER guard_outbox_attempts_insert BEFORE INSERT ON outbox_attempts BEGIN SELECT RAISE(ABORT, 'outbox_attempts has this item_key, attempt_no already') WHERE EXISTS (SELECT 1 FROM outbox_attempts WHERE item_key = NEW.item_key AND attempt_no = NEW.attempt_no); SELECT RAISE(ABORT, 'outbox_attempts.attempt_no is out of order') WHERE NEW.attempt_no IS NOT (SELECT coalesce(max(attempt_no), 0) FROM outbox_attempts WHERE item_key = NEW.item_key) + 1; SELECT RAISE(ABORT, 'outbox_attempts row comes after its entry') WHERE NEW.entry_sequence <= (SELECT coalesce(max(sequence), 0) FROM entry); END;
COMMIT;
