-- The first schema. `seq` orders by creation: several rows of one second keep their order.
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
CREATE INDEX jobs_state ON jobs (state, seq);
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
CREATE INDEX events_job ON events (job_id, seq);
CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    job_id TEXT NOT NULL REFERENCES jobs (id),
    created_at INTEGER NOT NULL,
    model TEXT NOT NULL,
    step INTEGER NOT NULL,
    metrics TEXT NOT NULL
);
CREATE INDEX checkpoints_job ON checkpoints (job_id, seq);
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
