CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
CREATE TABLE artifacts (
	organization VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	project TEXT NOT NULL, 
	type TEXT NOT NULL, 
	description TEXT NOT NULL, 
	versions BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, name)
);
CREATE INDEX artifacts_by_project ON artifacts (organization, project, name);
CREATE TABLE counters (
	organization VARCHAR NOT NULL, 
	seq BIGINT NOT NULL, 
	PRIMARY KEY (organization)
);
CREATE TABLE decisions (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	experiment_id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	segment BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	status TEXT NOT NULL, 
	score DOUBLE, 
	samples JSON NOT NULL, 
	metric TEXT NOT NULL, 
	metrics JSON NOT NULL, 
	reason TEXT NOT NULL, 
	seconds DOUBLE, 
	advanced BOOLEAN NOT NULL, 
	gain DOUBLE, 
	within_noise BOOLEAN NOT NULL, 
	violations JSON NOT NULL, 
	standing TEXT NOT NULL, 
	actor JSON NOT NULL, 
	content TEXT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, id)
);
CREATE INDEX decisions_by_experiment ON decisions (organization, experiment_id, seq);
CREATE TABLE events (
	organization VARCHAR NOT NULL, 
	seq BIGINT NOT NULL, 
	project TEXT, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	actor JSON NOT NULL, 
	"before" JSON, 
	"after" JSON, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, seq)
);
CREATE INDEX events_by_project ON events (organization, project, seq);
CREATE TABLE experiments (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	project TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	session_id TEXT NOT NULL, 
	segment BIGINT NOT NULL, 
	note TEXT NOT NULL, 
	"commit" TEXT, 
	parent_commit TEXT, 
	branch TEXT, 
	parent_id TEXT, 
	diff JSON, 
	files JSON NOT NULL, 
	config JSON NOT NULL, 
	command JSON NOT NULL, 
	tree TEXT, 
	repro_key TEXT NOT NULL, 
	notices JSON NOT NULL, 
	source JSON, 
	actor JSON NOT NULL, 
	content TEXT NOT NULL, 
	occurred_at BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	decision_id TEXT, 
	position BIGINT, 
	eligible BOOLEAN NOT NULL, 
	score DOUBLE, 
	metrics JSON NOT NULL, 
	reason TEXT NOT NULL, 
	gain DOUBLE, 
	seconds DOUBLE, 
	log_tail TEXT NOT NULL, 
	decided_by JSON, change_key TEXT, 
	PRIMARY KEY (organization, id)
);
CREATE INDEX experiments_by_code ON experiments (organization, project, segment, repro_key, number);
CREATE UNIQUE INDEX experiments_by_number ON experiments (organization, project, number);
CREATE INDEX experiments_by_position ON experiments (organization, project, segment, eligible, position);
CREATE INDEX experiments_by_segment ON experiments (organization, project, segment, number);
CREATE UNIQUE INDEX experiments_by_seq ON experiments (organization, seq);
CREATE INDEX experiments_by_session ON experiments (organization, session_id, number);
CREATE INDEX experiments_by_state ON experiments (organization, project, segment, state, number);
CREATE TABLE frontier (
	organization VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	segment BIGINT NOT NULL, 
	position BIGINT NOT NULL, 
	experiment_id TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	score DOUBLE NOT NULL, 
	gain DOUBLE, 
	PRIMARY KEY (organization, project, segment, position)
);
CREATE INDEX frontier_by_experiment ON frontier (organization, experiment_id);
CREATE TABLE notes (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	project TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	text TEXT NOT NULL, 
	experiment_id TEXT, 
	experiment_number BIGINT, 
	actor JSON NOT NULL, 
	content TEXT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, id)
);
CREATE INDEX notes_by_project ON notes (organization, project, seq);
CREATE TABLE producers (
	organization VARCHAR NOT NULL, 
	artifact VARCHAR NOT NULL, 
	number BIGINT NOT NULL, 
	experiment_id VARCHAR NOT NULL, 
	seq BIGINT NOT NULL, 
	PRIMARY KEY (organization, artifact, number, experiment_id)
);
CREATE INDEX producers_by_experiment ON producers (organization, experiment_id, artifact);
CREATE TABLE projects (
	organization VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	segment BIGINT NOT NULL, 
	goal_revision BIGINT NOT NULL, 
	active_session TEXT, 
	experiments BIGINT NOT NULL, 
	sessions BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, runs BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (organization, name)
);
CREATE TABLE refs (
	organization VARCHAR NOT NULL, 
	artifact VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	number BIGINT NOT NULL, 
	automatic BOOLEAN NOT NULL, 
	seq BIGINT NOT NULL, 
	PRIMARY KEY (organization, artifact, name)
);
CREATE TABLE repeats (
	organization VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	segment BIGINT NOT NULL, 
	repro_key VARCHAR NOT NULL, 
	n BIGINT NOT NULL, 
	mean DOUBLE NOT NULL, 
	squares DOUBLE NOT NULL, 
	PRIMARY KEY (organization, project, segment, repro_key)
);
CREATE INDEX repeats_by_n ON repeats (organization, project, segment, n);
CREATE TABLE segments (
	organization VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	number BIGINT NOT NULL, 
	goal JSON, 
	reason TEXT NOT NULL, 
	recorded BIGINT NOT NULL, 
	kept BIGINT NOT NULL, 
	dropped BIGINT NOT NULL, 
	crashed BIGINT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, project, number)
);
CREATE TABLE sessions (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	project TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	tag TEXT NOT NULL, 
	branch TEXT, 
	note TEXT NOT NULL, 
	state TEXT NOT NULL, 
	actor JSON NOT NULL, 
	content TEXT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX sessions_by_number ON sessions (organization, project, number);
CREATE TABLE uses (
	organization VARCHAR NOT NULL, 
	experiment_id VARCHAR NOT NULL, 
	artifact VARCHAR NOT NULL, 
	number BIGINT NOT NULL, 
	PRIMARY KEY (organization, experiment_id, artifact, number)
);
CREATE INDEX uses_by_version ON uses (organization, artifact, number);
CREATE TABLE versions (
	organization VARCHAR NOT NULL, 
	artifact VARCHAR NOT NULL, 
	number BIGINT NOT NULL, 
	id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	tree TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	files BIGINT NOT NULL, 
	metadata JSON NOT NULL, 
	actor JSON NOT NULL, 
	seq BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, artifact, number)
);
CREATE UNIQUE INDEX versions_by_tree ON versions (organization, artifact, tree);
CREATE INDEX experiments_by_change ON experiments (organization, project, change_key);
CREATE TABLE attempts (
	organization VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	segment BIGINT NOT NULL, 
	subject VARCHAR NOT NULL, 
	kept BIGINT NOT NULL, 
	dropped BIGINT NOT NULL, 
	crashed BIGINT NOT NULL, 
	failures BIGINT NOT NULL, 
	last_number BIGINT NOT NULL, 
	best_gain DOUBLE, 
	recent JSON NOT NULL, 
	PRIMARY KEY (organization, project, segment, subject)
);
CREATE INDEX attempts_by_failures ON attempts (organization, project, segment, failures, last_number);
CREATE TABLE edits (
	organization VARCHAR NOT NULL, 
	experiment_id VARCHAR NOT NULL, 
	ordinal BIGINT NOT NULL, 
	project TEXT NOT NULL, 
	segment BIGINT NOT NULL, 
	subject TEXT NOT NULL, 
	name TEXT NOT NULL, 
	"before" TEXT NOT NULL, 
	"after" TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	PRIMARY KEY (organization, experiment_id, ordinal)
);
CREATE INDEX edits_by_name ON edits (organization, project, name, number);
CREATE INDEX edits_by_subject ON edits (organization, project, segment, subject, number);
CREATE VIRTUAL TABLE search USING fts5(note, change, organization UNINDEXED, project UNINDEXED, experiment_id UNINDEXED, tokenize = 'unicode61 remove_diacritics 2');
CREATE TABLE axes (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	id BIGINT NOT NULL, 
	n BIGINT NOT NULL, 
	uses BIGINT NOT NULL, 
	blob BLOB NOT NULL, 
	PRIMARY KEY (organization, run_id, id)
);
CREATE TABLE chunks (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	series BIGINT NOT NULL, 
	first_step BIGINT NOT NULL, 
	last_step BIGINT NOT NULL, 
	axis BIGINT NOT NULL, 
	n BIGINT NOT NULL, 
	blob BLOB NOT NULL, 
	PRIMARY KEY (organization, run_id, series, first_step)
);
CREATE TABLE frames (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	number BIGINT NOT NULL, 
	batch BIGINT NOT NULL, 
	series TEXT NOT NULL, 
	n BIGINT NOT NULL, 
	least_step BIGINT NOT NULL, 
	most_step BIGINT NOT NULL, 
	blob BLOB NOT NULL, 
	PRIMARY KEY (organization, run_id, number)
);
CREATE TABLE inbox (
	organization VARCHAR NOT NULL, 
	writer VARCHAR NOT NULL, 
	sequence BIGINT NOT NULL, 
	run_id TEXT NOT NULL, 
	place BIGINT NOT NULL, 
	time DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (organization, writer, sequence)
);
CREATE INDEX inbox_by_place ON inbox (organization, place);
CREATE TABLE media (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	seq BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	step BIGINT NOT NULL, 
	time DOUBLE NOT NULL, 
	kind TEXT NOT NULL, 
	media_type TEXT NOT NULL, 
	digest TEXT, 
	size BIGINT NOT NULL, 
	meta JSON NOT NULL, 
	PRIMARY KEY (organization, run_id, seq)
);
CREATE INDEX media_by_digest ON media (organization, digest);
CREATE INDEX media_by_key ON media (organization, run_id, "key", step, seq);
CREATE TABLE runs (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	project TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	silent BOOLEAN NOT NULL, 
	config JSON NOT NULL, 
	summary JSON NOT NULL, 
	definitions JSON NOT NULL, 
	tags JSON NOT NULL, 
	note TEXT NOT NULL, 
	"group" TEXT, 
	job_type TEXT, 
	experiment_id TEXT, 
	parent_id TEXT, 
	code JSON, 
	environment JSON NOT NULL, 
	processes JSON NOT NULL, 
	exit_code BIGINT, 
	error TEXT, 
	actor JSON NOT NULL, 
	started_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	heartbeat_at BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, folder_id TEXT, content TEXT, patient BIGINT, error_name TEXT, changed_at BIGINT, 
	PRIMARY KEY (organization, id)
);
CREATE INDEX runs_by_experiment ON runs (organization, experiment_id);
CREATE INDEX runs_by_name ON runs (organization, project, name);
CREATE UNIQUE INDEX runs_by_number ON runs (organization, project, number);
CREATE UNIQUE INDEX runs_by_seq ON runs (organization, seq);
CREATE INDEX runs_by_state ON runs (organization, project, state, number);
CREATE TABLE series (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	points BIGINT NOT NULL, 
	duplicates BIGINT NOT NULL, 
	nans BIGINT NOT NULL, 
	infinities BIGINT NOT NULL, 
	first_step BIGINT, 
	last_step BIGINT, 
	most_step BIGINT, 
	last_time DOUBLE, 
	last DOUBLE, 
	min DOUBLE, 
	max DOUBLE, 
	PRIMARY KEY (organization, run_id, id)
)
 WITHOUT ROWID

;
CREATE UNIQUE INDEX series_by_name ON series (organization, run_id, name, labels, kind);
CREATE TABLE summaries (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	series BIGINT NOT NULL, 
	first_step BIGINT NOT NULL, 
	last_step BIGINT NOT NULL, 
	n BIGINT NOT NULL, 
	nans BIGINT NOT NULL, 
	infinities BIGINT NOT NULL, 
	min DOUBLE, 
	max DOUBLE, 
	min_step BIGINT, 
	max_step BIGINT, 
	min_time BIGINT, 
	max_time BIGINT, 
	mean DOUBLE, 
	first DOUBLE, 
	last DOUBLE, 
	first_time BIGINT NOT NULL, 
	last_time BIGINT NOT NULL, 
	least_time BIGINT NOT NULL, 
	most_time BIGINT NOT NULL, 
	pyramid BLOB NOT NULL, 
	PRIMARY KEY (organization, run_id, series, first_step)
);
CREATE TABLE texts (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	series BIGINT NOT NULL, 
	first BIGINT NOT NULL, 
	n BIGINT NOT NULL, 
	first_time DOUBLE NOT NULL, 
	last_time DOUBLE NOT NULL, 
	blob BLOB NOT NULL, 
	PRIMARY KEY (organization, run_id, series, first)
);
CREATE TABLE writers (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	run_id TEXT NOT NULL, 
	sequence BIGINT NOT NULL, 
	records BIGINT NOT NULL, 
	points BIGINT NOT NULL, 
	texts BIGINT NOT NULL, 
	lost_records BIGINT NOT NULL, 
	lost_points BIGINT NOT NULL, 
	claimed BIGINT, 
	faults TEXT NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	PRIMARY KEY (organization, id)
);
CREATE INDEX writers_by_run ON writers (organization, run_id);
CREATE TABLE api_keys (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	made_by TEXT NOT NULL, 
	user_id TEXT, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	used_at BIGINT, 
	revoked_at BIGINT, 
	PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX api_keys_by_prefix ON api_keys (prefix);
CREATE INDEX api_keys_by_user ON api_keys (organization, user_id, id);
CREATE TABLE audit (
	id VARCHAR NOT NULL, 
	organization TEXT, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	actor JSON NOT NULL, 
	"after" JSON, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX audit_by_organization ON audit (organization, id);
CREATE TABLE devices (
	id VARCHAR NOT NULL, 
	user_id TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	used_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE UNIQUE INDEX devices_by_prefix ON devices (prefix);
CREATE INDEX devices_by_user ON devices (user_id, used_at);
CREATE TABLE ingestion_keys (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	run_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	made_by TEXT NOT NULL, 
	user_id TEXT, 
	key_id TEXT, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	used_at BIGINT, 
	revoked_at BIGINT, 
	PRIMARY KEY (organization, id)
);
CREATE INDEX ingestion_keys_by_key ON ingestion_keys (organization, key_id);
CREATE UNIQUE INDEX ingestion_keys_by_prefix ON ingestion_keys (prefix);
CREATE INDEX ingestion_keys_by_run ON ingestion_keys (organization, run_id, id);
CREATE TABLE invitations (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	email TEXT NOT NULL, 
	role TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	made_by TEXT NOT NULL, 
	user_id TEXT, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	accepted_at BIGINT, 
	revoked_at BIGINT, 
	PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX invitations_by_prefix ON invitations (prefix);
CREATE TABLE memberships (
	organization VARCHAR NOT NULL, 
	user_id VARCHAR NOT NULL, 
	role TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id, organization);
CREATE TABLE organizations (
	id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX organizations_by_name ON organizations (name_key, id);
CREATE TABLE password_resets (
	id VARCHAR NOT NULL, 
	user_id TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	made_by TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	used_at BIGINT, 
	PRIMARY KEY (id)
);
CREATE UNIQUE INDEX password_resets_by_prefix ON password_resets (prefix);
CREATE INDEX password_resets_by_user ON password_resets (user_id, id);
CREATE TABLE setups (
	id VARCHAR NOT NULL, 
	prefix TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE UNIQUE INDEX setups_by_prefix ON setups (prefix);
CREATE TABLE sign_in_attempts (
	bucket VARCHAR NOT NULL, 
	failures BIGINT NOT NULL, 
	blocked_until BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (bucket)
);
CREATE INDEX sign_in_attempts_by_age ON sign_in_attempts (updated_at);
CREATE TABLE users (
	id VARCHAR NOT NULL, 
	email TEXT NOT NULL, 
	name TEXT NOT NULL, 
	password TEXT, 
	created_at BIGINT NOT NULL, 
	password_changed_at BIGINT, 
	signed_in_at BIGINT, 
	PRIMARY KEY (id)
);
CREATE UNIQUE INDEX users_by_email ON users (email);
CREATE TABLE web_sessions (
	id VARCHAR NOT NULL, 
	user_id TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	active TEXT, 
	agent TEXT NOT NULL, 
	address TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE UNIQUE INDEX web_sessions_by_prefix ON web_sessions (prefix);
CREATE INDEX web_sessions_by_user ON web_sessions (user_id, id);
CREATE TABLE annotations (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	run_id TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	text TEXT NOT NULL, 
	metadata JSON NOT NULL, 
	at BIGINT NOT NULL, 
	actor JSON NOT NULL, 
	content TEXT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX annotations_by_run ON annotations (organization, run_id, seq);
CREATE TABLE folders (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	parent_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	actor JSON NOT NULL, 
	content TEXT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX folders_by_parent ON folders (organization, parent_id, name);
CREATE UNIQUE INDEX folders_by_seq ON folders (organization, seq);
CREATE INDEX runs_by_folder ON runs (organization, folder_id, seq);
CREATE TABLE replies (
	organization VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	fingerprint TEXT NOT NULL, 
	status BIGINT NOT NULL, 
	media_type TEXT NOT NULL, 
	body BLOB NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, name)
);
CREATE INDEX replies_by_age ON replies (organization, recorded_at);
CREATE TABLE tagged_configs (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	tag TEXT NOT NULL, 
	value TEXT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, run_id, path)
);
CREATE TABLE blobs (
	organization VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	size BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	used_at BIGINT, 
	PRIMARY KEY (organization, digest)
);
CREATE TABLE collections (
	number BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE upload_parts (
	organization VARCHAR NOT NULL, 
	upload VARCHAR NOT NULL, 
	first BIGINT NOT NULL, 
	size BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	PRIMARY KEY (organization, upload, first)
);
CREATE TABLE uploads (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	digest TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	received BIGINT NOT NULL, 
	touched_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, id)
);
CREATE TABLE metric_events (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	event_id VARCHAR NOT NULL, 
	seq BIGINT NOT NULL, 
	series BIGINT NOT NULL, 
	at_step BIGINT NOT NULL, 
	step BIGINT, 
	value DOUBLE NOT NULL, 
	client_ms BIGINT NOT NULL, 
	server_ms BIGINT NOT NULL, 
	PRIMARY KEY (organization, run_id, event_id)
);
CREATE INDEX metric_events_by_series ON metric_events (organization, run_id, series, seq);
CREATE UNIQUE INDEX metric_events_by_seq ON metric_events (organization, run_id, seq);
CREATE TABLE series_metadata (
	organization VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	series BIGINT NOT NULL, 
	said TEXT NOT NULL, 
	PRIMARY KEY (organization, run_id, series)
);
CREATE TABLE campaigns (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	project TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	session_id TEXT NOT NULL, 
	agent TEXT NOT NULL, 
	settings JSON NOT NULL, 
	state TEXT NOT NULL, 
	stop TEXT, 
	reason TEXT NOT NULL, 
	trials BIGINT NOT NULL, 
	outcomes JSON NOT NULL, 
	seconds DOUBLE NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	cost DOUBLE NOT NULL, 
	failures_in_row BIGINT NOT NULL, 
	holder TEXT, 
	held_until BIGINT, 
	actor JSON NOT NULL, 
	content TEXT NOT NULL, 
	occurred_at BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX campaigns_by_number ON campaigns (organization, project, number);
CREATE INDEX campaigns_by_session ON campaigns (organization, session_id);
CREATE TABLE trials (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	campaign_id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	worker TEXT NOT NULL, 
	step TEXT NOT NULL, 
	open BOOLEAN NOT NULL, 
	idea TEXT NOT NULL, 
	idea_key TEXT NOT NULL, 
	parent_id TEXT, 
	experiment_id TEXT, 
	outcome TEXT, 
	reason TEXT NOT NULL, 
	agent TEXT NOT NULL, 
	model TEXT, 
	conversation TEXT, 
	prompt TEXT, 
	context TEXT, 
	transcript TEXT, 
	prompt_version TEXT, 
	input_tokens BIGINT, 
	output_tokens BIGINT, 
	cost DOUBLE, 
	agent_seconds DOUBLE, 
	seconds DOUBLE, 
	samples JSON NOT NULL, 
	content TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	delivered_at BIGINT, 
	PRIMARY KEY (organization, id)
);
CREATE INDEX trials_by_number ON trials (organization, campaign_id, number);
CREATE INDEX trials_by_open ON trials (organization, campaign_id, open, seq);
CREATE UNIQUE INDEX trials_by_seq ON trials (organization, campaign_id, seq);
CREATE TABLE trial_updates (
	organization VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	trial_id TEXT NOT NULL, 
	content TEXT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, id)
);
CREATE TABLE trial_experiments (
	organization VARCHAR NOT NULL, 
	experiment_id VARCHAR NOT NULL, 
	trial_id TEXT NOT NULL, 
	PRIMARY KEY (organization, experiment_id)
);
CREATE TABLE deliveries (
	organization VARCHAR NOT NULL, 
	campaign_id VARCHAR NOT NULL, 
	note_id VARCHAR NOT NULL, 
	trial_id TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	PRIMARY KEY (organization, campaign_id, note_id)
);
CREATE INDEX deliveries_by_note ON deliveries (organization, note_id, seq);
CREATE INDEX deliveries_by_trial ON deliveries (organization, trial_id, seq);
INSERT INTO alembic_version VALUES ('0010');
