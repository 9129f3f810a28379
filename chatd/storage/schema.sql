-- The database of chatd. Columns hold integers and blobs only: ids, times (ms since 1970) and flags
-- in the clear; what a person chose or wrote either as a keyed hash (…_hash, …_tag: to find it) or
-- in a box (…_box: AES-256-GCM under a key derived from the server key, the row's identity as
-- associated data, so that rows cannot be swapped). See codec.py for what is in each box.

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name_hash BLOB NOT NULL UNIQUE,  -- stays when the account is erased: the name stays taken
    name_box BLOB,                   -- NULL: erased
    secret_box BLOB,                 -- argon2id hash; NULL: erased
    kdf_box BLOB,                    -- how the client derived the secret; NULL: it did not
    contact_box BLOB,                -- where a code may be sent; NULL: none, or erased
    level INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
) STRICT;

-- What an account keeps here, sealed by its client before it is put into our box. Versions grow.
CREATE TABLE vault (
    account INTEGER PRIMARY KEY REFERENCES account (id),
    version INTEGER NOT NULL,
    blob_box BLOB NOT NULL
) STRICT;

-- The public keys of an account. Versions grow.
CREATE TABLE identity (
    account INTEGER PRIMARY KEY REFERENCES account (id),
    version INTEGER NOT NULL,
    thumbprint_box BLOB NOT NULL,
    keys_box BLOB NOT NULL           -- a JWK Set, as it was published
) STRICT;

CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    public_tag BLOB NOT NULL,        -- finds (account, public id)
    public_box BLOB NOT NULL,
    account INTEGER NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,        -- of the account, when the session was made or kept
    token_hash BLOB NOT NULL UNIQUE, -- SHA-256 of 32 random bytes
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    address_box BLOB NOT NULL,
    device INTEGER                   -- that logged in; NULL: it was done with a password
) STRICT;
CREATE INDEX session_by_account ON session (account, id);
CREATE INDEX session_by_use ON session (used_ms);
CREATE INDEX session_by_device ON session (device) WHERE device IS NOT NULL;

-- Devices that were enrolled: each logs in with its key and the latest token it was given.
CREATE TABLE device (
    id INTEGER PRIMARY KEY,
    public_tag BLOB NOT NULL,        -- finds (account, public id)
    public_box BLOB NOT NULL,
    account INTEGER NOT NULL REFERENCES account (id),
    key_hash BLOB NOT NULL UNIQUE,   -- keyed, of its X25519 public key
    key_box BLOB NOT NULL,
    token_hash BLOB NOT NULL,        -- SHA-256 of the token that was used last, at first of random bytes
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    address_box BLOB NOT NULL
) STRICT;
CREATE INDEX device_by_account ON device (account, id);

-- One-time IDs, for people whom the operator has met.
CREATE TABLE enrolment (
    id INTEGER PRIMARY KEY,
    name_hash BLOB NOT NULL UNIQUE,
    name_box BLOB NOT NULL,
    once_hash BLOB NOT NULL UNIQUE,  -- keyed, of the one-time ID
    level INTEGER,                   -- of the account that is made; NULL: it is there already
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    device INTEGER                   -- that used it; NULL: none yet
) STRICT;

-- Registrations that wait for the code that was sent.
CREATE TABLE pending (
    id INTEGER PRIMARY KEY,
    name_hash BLOB NOT NULL UNIQUE,
    name_box BLOB NOT NULL,
    secret_box BLOB NOT NULL,
    kdf_box BLOB,
    contact_box BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

-- Codes that were sent. kind: 0 activates a pending registration, 1 recovers an account.
CREATE TABLE code (
    kind INTEGER NOT NULL,
    subject INTEGER NOT NULL,        -- the pending registration, or the account
    code_hash BLOB NOT NULL,         -- keyed
    sent_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL,          -- that were wrong
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

-- Messages on their way out through the gateway.
CREATE TABLE outgoing (
    id INTEGER PRIMARY KEY,
    message_box BLOB NOT NULL,       -- to whom, and what
    created_ms INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,        -- when to try
    tries INTEGER NOT NULL           -- that failed
) STRICT;
CREATE INDEX outgoing_by_time ON outgoing (next_ms);

-- Rooms and direct conversations. No seq up to `ceiling` is ever given out again, nor an id.
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name_hash BLOB NOT NULL UNIQUE,  -- of the room's name, or of the two accounts
    name_box BLOB,                   -- NULL: direct
    topic_box BLOB,                  -- NULL: none
    private INTEGER NOT NULL DEFAULT 0,
    history INTEGER NOT NULL DEFAULT 1,
    level INTEGER NOT NULL DEFAULT 0,
    e2e INTEGER NOT NULL DEFAULT 0,
    ceiling INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
) STRICT;

-- Who takes part, with what they have seen. role: 0 member, 1 moderator, 2 owner, NULL in a direct
-- conversation, where label_box names the other side.
CREATE TABLE member (
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    account INTEGER NOT NULL REFERENCES account (id),
    place INTEGER NOT NULL,          -- grows with every joining: the longest-standing come first
    role INTEGER,
    seen INTEGER NOT NULL,
    label_box BLOB,
    PRIMARY KEY (conversation, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_by_account ON member (account, conversation);

-- The highest place that was given out.
INSERT INTO sqlite_sequence VALUES ('member', 0);

-- What was said last: a commit's messages in one row, or a few; see journal.py. No id is used twice.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    box BLOB NOT NULL                -- conversations, with seqs, times, senders and texts
) STRICT;

-- What was said before: messages that follow one another in a conversation.
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    messages INTEGER NOT NULL,       -- how many: some seqs may be missing
    commit_last INTEGER NOT NULL,    -- the journal's row that the last of them once was in
    senders BLOB NOT NULL,           -- of each: a tag of 8 bytes, good for this conversation, and how many are theirs
    body_box BLOB NOT NULL           -- seqs, commits, times, senders and texts
) STRICT;
CREATE UNIQUE INDEX chunk_by_seq ON chunk (conversation, first_seq);

-- What SEND ids stand for.
CREATE TABLE sent (
    account INTEGER NOT NULL,
    id_tag BLOB NOT NULL,
    time_ms INTEGER NOT NULL,
    sent_box BLOB NOT NULL,          -- id, digest of the text, conversation, seq
    PRIMARY KEY (account, id_tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX sent_by_time ON sent (time_ms);

CREATE TABLE ban (
    room INTEGER NOT NULL REFERENCES conversation (id),
    account INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (room, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX ban_by_account ON ban (account);

CREATE TABLE invite (
    account INTEGER NOT NULL REFERENCES account (id),
    room INTEGER NOT NULL REFERENCES conversation (id),
    inviter INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (account, room)
) STRICT, WITHOUT ROWID;
CREATE INDEX invite_by_room ON invite (room);

CREATE TABLE block (
    account INTEGER NOT NULL REFERENCES account (id),
    blocked INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (account, blocked)
) STRICT, WITHOUT ROWID;
CREATE INDEX block_by_blocked ON block (blocked);

-- Rooms that are gone: their messages are deleted bit by bit.
CREATE TABLE doomed (conversation INTEGER PRIMARY KEY) STRICT;
