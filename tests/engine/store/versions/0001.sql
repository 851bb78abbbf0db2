-- A store as the first version has written it.
BEGIN TRANSACTION;
CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    job_id TEXT NOT NULL REFERENCES jobs (id),
    created_at INTEGER NOT NULL,
    model TEXT NOT NULL,
    step INTEGER NOT NULL,
    metrics TEXT NOT NULL
);
INSERT INTO "checkpoints" VALUES(1,'ftckpt_1','ftjob-1',8,'ft:pen-tiny:local::1',10,'{}');
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    job_id TEXT NOT NULL REFERENCES jobs (id),
    created_at INTEGER NOT NULL,
    level TEXT NOT NULL,
    type TEXT NOT NULL,
    message TEXT NOT NULL,
    data TEXT
);
INSERT INTO "events" VALUES(1,'ftevent-1','ftjob-1',1,'info','message','Created fine-tuning job: ftjob-1',NULL);
CREATE TABLE files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    filename TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    blob TEXT NOT NULL,
    dialect TEXT,
    records INTEGER,
    expires_at INTEGER
);
INSERT INTO "files" VALUES(1,'file-one',1,'train.jsonl',35,'fine-tune','ab12','prompt-completion',1,NULL);
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    state TEXT NOT NULL CHECK (state IN ('validating_files', 'queued', 'running', 'paused', 'succeeded', 'failed',
                                         'cancelled')),
    want TEXT NOT NULL DEFAULT 'run' CHECK (want IN ('run', 'pause', 'cancel')),
    model TEXT NOT NULL,
    training_file TEXT NOT NULL,
    training_blob TEXT NOT NULL,
    training_dialect TEXT NOT NULL,
    validation_file TEXT,
    validation_blob TEXT,
    validation_dialect TEXT,
    seed INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    hyperparameters TEXT NOT NULL,
    options TEXT NOT NULL,
    model_name TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1,
    lease_until REAL,
    pid INTEGER,
    pid_start_time INTEGER,
    boot_id TEXT,
    events_offset INTEGER NOT NULL DEFAULT 0,
    total_steps INTEGER,
    trained_tokens INTEGER,
    fine_tuned_model TEXT,
    result_files TEXT NOT NULL DEFAULT '[]',
    error TEXT
);
INSERT INTO "jobs" VALUES(1,'ftjob-1',1,9,'succeeded','run','pen-tiny','file-one','ab12','prompt-completion',NULL,NULL,NULL,1,'{"mark": "x"}','{"n_epochs": 2}','{"tune": "full"}','ft:pen-tiny:local::1',1,NULL,NULL,NULL,NULL,0,10,NULL,NULL,'[]',NULL);
INSERT INTO "jobs" VALUES(2,'ftjob-2',2,NULL,'running','run','pen-tiny','file-one','ab12','prompt-completion',NULL,NULL,NULL,1,'{"mark": "x"}','{"n_epochs": 2}','{"tune": "full"}','ft:pen-tiny:local::2',2,NULL,4711,NULL,NULL,0,10,NULL,NULL,'[]',NULL);
INSERT INTO "jobs" VALUES(3,'ftjob-3',3,NULL,'paused','pause','pen-tiny','file-one','ab12','prompt-completion',NULL,NULL,NULL,1,'{"mark": "x"}','{"n_epochs": 2}','{"tune": "full"}','ft:pen-tiny:local::3',3,NULL,NULL,NULL,NULL,0,10,NULL,NULL,'[]',NULL);
CREATE TABLE models (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('full', 'lora')),
    base TEXT NOT NULL,
    path TEXT NOT NULL,
    adapter TEXT,
    sha256 TEXT NOT NULL,
    job_id TEXT,
    step INTEGER,
    prompt TEXT,
    format_hash TEXT
);
INSERT INTO "models" VALUES(1,'ft:pen-tiny:local::1',9,'full','pen-tiny','/nowhere',NULL,'cd34','ftjob-1',10,NULL,NULL);
CREATE INDEX jobs_state ON jobs (state, seq);
CREATE INDEX events_job ON events (job_id, seq);
CREATE INDEX checkpoints_job ON checkpoints (job_id, seq);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('files',1);
INSERT INTO "sqlite_sequence" VALUES('jobs',3);
INSERT INTO "sqlite_sequence" VALUES('events',1);
INSERT INTO "sqlite_sequence" VALUES('checkpoints',1);
INSERT INTO "sqlite_sequence" VALUES('models',1);
COMMIT;
PRAGMA user_version=1;
