// Written by tools/page_client.py from the OpenAPI page of the server.
import { ask, text } from "./asking";

export interface About {
  version: string;
  protocol: number;
}

export interface AcceptInvitationBody {
  token: string;
}

export interface Actor {
  kind: "human" | "agent" | "system";
  name: string;
}

export interface AddAnnotationBody {
  id?: string | null;
  text: string;
  metadata?: Record<string, unknown>;
  at?: string | null;
}

export interface AddNoteBody {
  id?: string | null;
  project: string;
  text: string;
  experiment_id?: string | null;
}

export interface Annotation {
  id: string;
  run_id: string;
  text: string;
  metadata: Record<string, unknown>;
  at: string;
  actor: Actor;
  recorded_at: string;
}

export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  scope: "read" | "write" | "admin";
  state: "active" | "expired" | "revoked" | "suspended";
  made_by: string;
  created_at: string;
  expires_at: string | null;
  used_at: string | null;
  revoked_at: string | null;
}

export interface Artifact {
  name: string;
  type: string;
  project: string;
  description: string;
  versions: number;
  refs: Record<string, string>;
  recorded_at: string;
}

export interface Attempt {
  experiment_id: string;
  number: number;
  state: "recorded" | "kept" | "dropped" | "crashed";
  score: number | null;
  best: number | null;
  on_frontier: boolean;
  note: string;
}

export interface AuditEntry {
  id: string;
  kind: string;
  subject: string;
  actor: Actor;
  after: Record<string, string | null> | null;
  recorded_at: string;
}

export interface AuthStatus {
  kind: "api_key" | "session" | "ingestion_key" | "operator";
  organization_id: string | null;
  organization: Organization | null;
  scopes: string[];
  role: "owner" | "admin" | "member" | "viewer" | null;
  actor: Actor;
  key: ApiKey | null;
  user: Person | null;
  run_id: string | null;
  expires_at: string | null;
}

export interface BeginCampaignBody {
  id?: string | null;
  project: string;
  session_id: string;
  agent: string;
  settings?: Record<string, unknown>;
  occurred_at?: string | null;
}

export interface BeginUploadBody {
  digest: string;
  size: number;
}

export interface BlobOut {
  digest: string;
  size: number;
}

export interface BlobsOut {
  blobs: BlobOut[];
}

export interface Bootstrap {
  projects: ProjectCard[];
  project: string | null;
  frontier: Frontier | null;
  runs: Run[];
  experiments: Experiment[];
  seq: number;
}

export interface Brief {
  project: string;
  markdown: string;
  tokens: number;
  budget: number;
  omitted: Record<string, number>;
  data: Record<string, unknown>;
}

export interface Budget {
  max_experiments?: number | null;
  max_seconds?: number | null;
  trial_seconds?: number | null;
}

export interface Campaign {
  id: string;
  project: string;
  number: number;
  session_id: string;
  agent: string;
  settings: Record<string, unknown>;
  state: "running" | "paused" | "stopping" | "ended";
  stop: "experiments" | "hours" | "tokens" | "money" | "failures" | "target" | "exhausted" | "stopped" | "interrupted" | null;
  reason: string;
  trials: number;
  outcomes: Record<string, number>;
  seconds: number;
  input_tokens: number;
  output_tokens: number;
  cost: number;
  failures_in_row: number;
  holder: string | null;
  held_until: string | null;
  actor: Actor;
  occurred_at: string;
  recorded_at: string;
  ended_at: string | null;
}

export interface ChangePasswordBody {
  old: string;
  new: string;
}

export interface ChartsOut {
  runs: Run[];
  items: CurveOut[];
  next_cursor: string | null;
}

export interface ClaimTrialBody {
  id?: string | null;
  worker: string;
  parent_id?: string | null;
  idea?: string;
  baseline?: boolean;
  holder?: string | null;
  started_at?: string | null;
}

export interface Code {
  commit?: string | null;
  parent_commit?: string | null;
  branch?: string | null;
  diff?: Diff | null;
}

export interface ComparedOut {
  series: ComparedSeriesOut[];
  places: number[];
  steps: number[];
  times: number[];
  values: (number | "NaN" | "Infinity" | "-Infinity")[];
  complete: boolean;
}

export interface ComparedSeriesOut {
  asked: number;
  run_id: string;
  name: string;
  labels: Record<string, string>;
}

export interface Constraint {
  metric: string;
  op: "<=" | ">=";
  bound: number;
}

export interface CreateFolderBody {
  id?: string | null;
  name: string;
  parent_id?: string | null;
}

export interface CreateIngestionKeyBody {
  name?: string;
  ttl?: number;
}

export interface CreateKeyBody {
  name: string;
  scope?: "read" | "write" | "admin";
  expires_in?: number | null;
}

export interface CreateOrganizationBody {
  name: string;
}

export interface CreateRunBody {
  id?: string | null;
  project: string;
  name?: string | null;
  config?: Record<string, unknown>;
  tags?: string[];
  note?: string;
  group?: string | null;
  job_type?: string | null;
  folder_id?: string | null;
  experiment_id?: string | null;
  parent_id?: string | null;
  code?: Code | null;
  definitions?: Definition[];
  environment?: Record<string, unknown>;
  started_at?: string | null;
  resume?: boolean;
}

export interface CurveOut {
  run_id: string;
  name: string;
  labels: Record<string, string>;
  total: number;
  steps: number[];
  times: number[];
  values: (number | "NaN" | "Infinity" | "-Infinity")[];
}

export interface Curves {
  items: CurveOut[];
  next_cursor: string | null;
}

export interface DecideBody {
  id?: string | null;
  status: "keep" | "drop" | "crash";
  score?: number | null;
  samples?: number[];
  metric?: string | null;
  metrics?: Record<string, number | null>;
  reason?: string;
  seconds?: number | null;
  log_tail?: string;
}

export interface Decision {
  id: string;
  experiment_id: string;
  project: string;
  number: number;
  segment: number;
  status: "keep" | "drop" | "crash";
  score: number | null;
  samples: number[];
  metric: string;
  metrics: Record<string, number | null>;
  reason: string;
  seconds: number | null;
  advanced: boolean;
  gain: number | null;
  within_noise: boolean;
  violations: string[];
  standing: string;
  superseded: boolean;
  actor: Actor;
  recorded_at: string;
}

export interface DecisionRequest {
  id: string;
  experiment_id: string;
  status: "keep" | "drop" | "crash";
  score?: number | null;
  samples?: number[];
  metric?: string | null;
  metrics?: Record<string, number | null>;
  reason?: string;
  seconds?: number | null;
  log_tail?: string;
}

export interface Definition {
  name: string;
  step_metric?: string | null;
  summary?: "last" | "min" | "max" | "mean" | "best" | "none";
  goal?: "min" | "max" | null;
}

export interface DeliverNotesBody {
  notes?: string[] | null;
}

export interface Delivery {
  campaign_number: number;
  trial_number: number;
  at: string;
}

export interface Diff {
  digest: string;
  size: number;
  truncated?: boolean;
}

export interface DigestsOut {
  missing: string[];
}

export interface EditFolderBody {
  name?: string | null;
  parent_id?: string | null;
  to_root?: boolean;
}

export interface EditRunBody {
  name?: string | null;
  note?: string | null;
  group?: string | null;
  job_type?: string | null;
  add_tags?: string[];
  remove_tags?: string[];
  config?: Record<string, unknown> | null;
  remove_config?: string[];
  experiment_id?: string | null;
  folder_id?: string | null;
  clear?: ("group" | "job_type" | "note" | "experiment_id" | "folder_id")[];
}

export interface Envelope {
  error: Problem;
}

export interface Event {
  seq: number;
  project: string | null;
  kind: string;
  subject: string;
  actor: Actor;
  recorded_at: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

export interface Experiment {
  id: string;
  project: string;
  number: number;
  session_id: string;
  segment: number;
  note: string;
  commit: string | null;
  parent_commit: string | null;
  branch: string | null;
  parent_id: string | null;
  diff: Diff | null;
  files: string[];
  config: Record<string, unknown>;
  command: string[];
  tree: string | null;
  repro_key: string;
  uses: string[];
  notices: string[];
  source: Record<string, unknown> | null;
  state: "recorded" | "kept" | "dropped" | "crashed";
  score: number | null;
  metrics: Record<string, number | null>;
  reason: string;
  gain: number | null;
  seconds: number | null;
  log_tail: string;
  on_frontier: boolean;
  decided_by: Actor | null;
  actor: Actor;
  occurred_at: string;
  recorded_at: string;
}

export interface ExperimentRequest {
  id: string;
  project: string;
  session_id: string;
  note?: string;
  commit?: string | null;
  parent_commit?: string | null;
  branch?: string | null;
  parent_id?: string | null;
  segment?: number | null;
  diff?: Diff | null;
  change?: string;
  files?: string[];
  config?: Record<string, unknown>;
  command?: string[];
  tree?: string | null;
  repro_key: string;
  uses?: string[];
  notices?: string[];
  source?: Record<string, unknown> | null;
  occurred_at: string;
}

export interface FinishRunBody {
  state: "finished" | "failed" | "crashed" | "killed";
  exit_code?: number | null;
  error?: string | null;
}

export interface Folder {
  id: string;
  name: string;
  parent_id: string | null;
  parent_id_path: string[];
  path_name: string;
  actor: Actor;
  recorded_at: string;
  updated_at: string;
}

export interface FolderContents {
  folder: Folder | null;
  folders: Folder[];
  runs: Run[];
  next_cursor: string | null;
}

export interface Frontier {
  project: string;
  goal: Goal;
  segment: number;
  session_id: string | null;
  steps: Step[];
  noise: Noise | null;
  best: Step | null;
  baseline: Step | null;
  reached: boolean;
}

export interface Goal {
  metric: string;
  direction: "min" | "max";
  target: number | null;
  min_delta: number;
  constraints: Constraint[];
  noise: number | null;
  budget: Budget;
  protected: string[];
  description: string;
  project: string;
  revision: number;
  segment: number;
  recorded_at: string;
}

export interface Health {
  status: "ok";
}

export interface HistoryOut {
  items: CurveOut[];
  next_cursor: string | null;
}

export interface HoldCampaignBody {
  holder: string;
  seconds: number;
}

export interface IngestBeatBody {
  run_id: string;
  writer_id: string;
}

export interface IngestBody {
  run_id: string;
  writer_id?: string | null;
  sequence?: number | null;
  columns?: PointsByColumn[];
  points?: PointsOfStep[];
  texts?: TextOfStep[];
}

export interface Ingested {
  results: WriterPosition[];
}

export interface IngestionKey {
  id: string;
  run_id: string;
  name: string;
  prefix: string;
  state: "active" | "expired" | "revoked";
  made_by: string;
  created_at: string;
  expires_at: string;
  used_at: string | null;
  revoked_at: string | null;
}

export interface Invitation {
  id: string;
  email: string;
  role: "owner" | "admin" | "member" | "viewer";
  state: "open" | "accepted" | "expired" | "revoked";
  made_by: string;
  created_at: string;
  expires_at: string;
}

export interface InviteMemberBody {
  email: string;
  role?: "owner" | "admin" | "member" | "viewer";
}

export interface JudgedPost {
  experiment: ExperimentRequest;
  decision: DecisionRequest;
}

export interface LabelKey {
  key: string;
  values: LabelValue[];
  value_count: number;
}

export interface LabelValue {
  value: string;
  points: number;
}

export interface LabelValues {
  run_id: string;
  name: string;
  points: number;
  labels: LabelKey[];
}

export interface LocalKey {
  key: string;
}

export interface LogArtifactBody {
  id?: string | null;
  project: string;
  artifact: string;
  type?: string;
  tree: string;
  size: number;
  files: number;
  produced_by?: string | null;
  metadata?: Record<string, unknown>;
  description?: string;
}

export interface LoggedLine {
  name: string;
  labels: Record<string, string>;
  number: number;
  step: number;
  time: number;
  text: string;
}

export interface MakeProjectBody {
}

export interface Match {
  experiment_id: string;
  number: number;
  state: "recorded" | "kept" | "dropped" | "crashed";
  score: number | null;
  gain: number | null;
  note: string;
  reason: string;
  likeness: number;
  excerpt: string;
}

export interface Media {
  key: string;
  step: number;
  time: number;
  kind: string;
  media_type: string;
  digest: string | null;
  size: number;
  meta: Record<string, unknown>;
}

export interface Member {
  user_id: string;
  email: string;
  name: string;
  role: "owner" | "admin" | "member" | "viewer";
  created_at: string;
}

export interface MissingBlobsBody {
  digests: string[];
}

export interface MoveCampaignBody {
  stop?: "experiments" | "hours" | "tokens" | "money" | "failures" | "target" | "exhausted" | "stopped" | "interrupted" | null;
  reason?: string;
}

export interface MoveRefBody {
  version: string;
  expected?: string | null;
}

export interface NewApiKey {
  id: string;
  key: string;
  prefix: string;
  name: string;
  scope: "read" | "write" | "admin";
  expires_at: string | null;
}

export interface NewIngestionKey {
  ingestion_key: IngestionKey;
  key: string;
}

export interface NewInvitation {
  invitation: Invitation;
  token: string;
}

export interface NewLink {
  token: string;
  expires_at: string;
}

export interface Noise {
  sd: number;
  n: number;
  source: "goal" | "repeats";
}

export interface Note {
  id: string;
  project: string;
  text: string;
  experiment_id: string | null;
  experiment_number: number | null;
  actor: Actor;
  recorded_at: string;
  delivered: Delivery[];
}

export interface OpenSegmentBody {
  reason: string;
}

export interface OpenSessionBody {
  id?: string | null;
  project: string;
  tag: string;
  branch?: string | null;
  note?: string;
  activate?: boolean;
}

export interface Organization {
  id: string;
  name: string;
  role: "owner" | "admin" | "member" | "viewer" | null;
  active: boolean;
  created_at: string;
}

export interface PageAnnotation {
  items: Annotation[];
  next_cursor: string | null;
}

export interface PageApiKey {
  items: ApiKey[];
  next_cursor: string | null;
}

export interface PageArtifact {
  items: Artifact[];
  next_cursor: string | null;
}

export interface PageAuditEntry {
  items: AuditEntry[];
  next_cursor: string | null;
}

export interface PageCampaign {
  items: Campaign[];
  next_cursor: string | null;
}

export interface PageDecision {
  items: Decision[];
  next_cursor: string | null;
}

export interface PageEvent {
  items: Event[];
  next_cursor: string | null;
}

export interface PageExperiment {
  items: Experiment[];
  next_cursor: string | null;
}

export interface PageFolder {
  items: Folder[];
  next_cursor: string | null;
}

export interface PageIngestionKey {
  items: IngestionKey[];
  next_cursor: string | null;
}

export interface PageInvitation {
  items: Invitation[];
  next_cursor: string | null;
}

export interface PageLoggedLine {
  items: LoggedLine[];
  next_cursor: string | null;
}

export interface PageMatch {
  items: Match[];
  next_cursor: string | null;
}

export interface PageMedia {
  items: Media[];
  next_cursor: string | null;
}

export interface PageMember {
  items: Member[];
  next_cursor: string | null;
}

export interface PageNote {
  items: Note[];
  next_cursor: string | null;
}

export interface PageOrganization {
  items: Organization[];
  next_cursor: string | null;
}

export interface PageProject {
  items: Project[];
  next_cursor: string | null;
}

export interface PageRun {
  items: Run[];
  next_cursor: string | null;
}

export interface PageSegment {
  items: Segment[];
  next_cursor: string | null;
}

export interface PageSeriesInfo {
  items: SeriesInfo[];
  next_cursor: string | null;
}

export interface PageSession {
  items: Session[];
  next_cursor: string | null;
}

export interface PageTrial {
  items: Trial[];
  next_cursor: string | null;
}

export interface PageVersion {
  items: Version[];
  next_cursor: string | null;
}

export interface PageWebSession {
  items: WebSession[];
  next_cursor: string | null;
}

export interface Person {
  id: string;
  email: string;
  name: string;
}

export interface PointsByColumn {
  names: string[];
  steps: number[];
  values: ((number | "NaN" | "Infinity" | "-Infinity")[])[];
  times?: number[] | null;
  labels?: Record<string, string> | null;
}

export interface PointsOfStep {
  step: number;
  metrics: Record<string, number | "NaN" | "Infinity" | "-Infinity">;
  time?: number | null;
  labels?: Record<string, string> | null;
}

export interface Position {
  sequence: number;
}

export interface PostExperimentBody {
  id?: string | null;
  project: string;
  session_id?: string | null;
  note?: string;
  commit?: string | null;
  parent?: string | null;
  parent_commit?: string | null;
  branch?: string | null;
  parent_id?: string | null;
  segment?: number | null;
  diff?: string | Diff | null;
  change?: string;
  files?: string[];
  config?: Record<string, unknown>;
  command?: string[];
  tree?: string | null;
  repro_key?: string | null;
  uses?: string[];
  notices?: string[];
  source?: Record<string, unknown> | null;
  occurred_at?: string | null;
}

export interface PostProjectBody {
  name: string;
  objective_metric?: string | null;
  lower_is_better?: boolean | null;
  target?: number | null;
  min_delta?: number | null;
  constraints?: (Constraint | string)[] | null;
  noise?: number | null;
  budget?: Budget | null;
  protected?: string[] | null;
  description?: string | null;
}

export interface Problem {
  code: string;
  message: string;
  hint: string;
  details: Record<string, unknown>;
}

export interface Progress {
  project: string;
  goal: Goal;
  segment: number;
  session_id: string | null;
  attempts: Attempt[];
  noise: Noise | null;
}

export interface Project {
  name: string;
  goal: Goal | null;
  segment: number;
  active_session: string | null;
  experiments: number;
  sessions: number;
  created_at: string;
}

export interface ProjectCard {
  project: Project;
  runs: number;
  running: number;
  kept: number;
  dropped: number;
  crashed: number;
  best: number | null;
  best_number: number | null;
  last_seq: number;
}

export interface Receipt {
  run_id: string;
  points_committed: number;
  points_claimed: number | null;
  points_stored: number;
  duplicates_collapsed: number;
  lost: number;
  intact: boolean;
  writers: number;
  commit: string | null;
  diff_sha: string | null;
  faults: string[];
}

export interface RecordJudgedBody {
  batch: JudgedPost[];
}

export interface RegisterFileBody {
  id?: string | null;
  project: string;
  artifact: string;
  uri: string;
  digest: string;
  size: number;
  path?: string | null;
  type?: string;
  produced_by?: string | null;
  metadata?: Record<string, unknown>;
  description?: string;
}

export interface ReleaseCampaignBody {
  holder: string;
}

export interface RenameOrganizationBody {
  name: string;
}

export interface ResetPasswordBody {
  token: string;
  password: string;
}

export interface Run {
  id: string;
  project: string;
  number: number;
  name: string;
  state: "running" | "finished" | "failed" | "crashed" | "killed";
  config: Record<string, unknown>;
  latest: Record<string, number | null>;
  summary: Record<string, unknown>;
  definitions: Definition[];
  tags: string[];
  note: string;
  group: string | null;
  job_type: string | null;
  experiment_id: string | null;
  experiment_number: number | null;
  parent_id: string | null;
  code: Code | null;
  environment: Record<string, unknown>;
  exit_code: number | null;
  error: string | null;
  actor: Actor;
  started_at: string;
  ended_at: string | null;
  heartbeat_at: string;
  notices: string[];
  folder_id: string | null;
  folder: string | null;
}

export interface Segment {
  project: string;
  number: number;
  goal: Goal | null;
  reason: string;
  recorded: number;
  kept: number;
  dropped: number;
  crashed: number;
  seconds: number;
  recorded_at: string;
}

export interface SeriesInfo {
  name: string;
  labels: Record<string, string>;
  kind: "metric" | "text";
  points: number;
  duplicates: number;
  nans: number;
  infinities: number;
  first_step: number | null;
  last_step: number | null;
  last_time: number | null;
  last: number | null;
  min: number | null;
  max: number | null;
}

export interface Session {
  id: string;
  project: string;
  number: number;
  tag: string;
  branch: string | null;
  note: string;
  state: "open" | "closed";
  actor: Actor;
  recorded_at: string;
}

export interface SetGoalBody {
  metric: string;
  direction: "min" | "max";
  target?: number | null;
  min_delta?: number;
  constraints?: Constraint[];
  noise?: number | null;
  budget?: Budget;
  protected?: string[];
  description?: string;
}

export interface SetMemberRoleBody {
  role: "owner" | "admin" | "member" | "viewer";
}

export interface SetTreeBody {
  digest?: string | null;
  entries?: TreeEntryOut[] | null;
}

export interface SetUpBody {
  token: string;
  email: string;
  name?: string;
  password: string;
  organization: string;
}

export interface SignInBody {
  email: string;
  password: string;
}

export interface SignUpBody {
  token: string;
  name?: string;
  password: string;
}

export interface SignedIn {
  user: Person;
  organization: Organization | null;
  csrf_token: string;
  expires_at: string;
}

export interface Step {
  experiment_id: string;
  number: number;
  score: number;
  gain: number | null;
  sigmas: number | null;
  note: string;
  commit: string | null;
}

export interface Streamed {
  run_id: string;
  writer_id: string;
  sequence: number;
  lines: number;
  points: number;
}

export interface TextOfStep {
  name: string;
  step: number;
  text: string;
  time?: number | null;
  labels?: Record<string, string> | null;
}

export interface TreeDifference {
  added: string[];
  removed: string[];
  changed: string[];
  text: string;
}

export interface TreeEntryOut {
  path: string;
  mode: "100644" | "100755" | "120000";
  size: number;
  sha256?: string | null;
  target?: string | null;
  reason?: string | null;
}

export interface TreeOut {
  digest: string;
  files: number;
  size: number;
  entries: TreeEntryOut[];
}

export interface Trial {
  id: string;
  campaign_id: string;
  project: string;
  number: number;
  worker: string;
  step: "claimed" | "proposing" | "recorded" | "measuring" | "judged";
  idea: string;
  parent_id: string | null;
  experiment_id: string | null;
  outcome: "kept" | "dropped" | "crashed" | "timed_out" | "no_score" | "tampered" | "refused" | "no_change" | "agent_failed" | "hopeless" | "abandoned" | null;
  reason: string;
  agent: string;
  model: string | null;
  conversation: string | null;
  prompt: string | null;
  context: string | null;
  transcript: string | null;
  prompt_version: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cost: number | null;
  agent_seconds: number | null;
  seconds: number | null;
  samples: number[];
  started_at: string;
  updated_at: string;
}

export interface TriedBody {
  change: string;
  limit?: number;
}

export interface UpdateTrialBody {
  id?: string | null;
  step: "claimed" | "proposing" | "recorded" | "measuring" | "judged";
  parent_id?: string | null;
  idea?: string | null;
  experiment_id?: string | null;
  outcome?: "kept" | "dropped" | "crashed" | "timed_out" | "no_score" | "tampered" | "refused" | "no_change" | "agent_failed" | "hopeless" | "abandoned" | null;
  reason?: string | null;
  agent?: string | null;
  model?: string | null;
  conversation?: string | null;
  prompt?: string | null;
  context?: string | null;
  transcript?: string | null;
  prompt_version?: string | null;
  input_tokens?: number | null;
  output_tokens?: number | null;
  cost?: number | null;
  agent_seconds?: number | null;
  seconds?: number | null;
  samples?: number[] | null;
  holder?: string | null;
}

export interface UploadOut {
  id: string;
  digest: string;
  size: number;
  received: number;
}

export interface UseLocalLinkBody {
  link: string;
}

export interface ValueInt {
  value: number;
}

export interface Version {
  artifact: string;
  version: string;
  number: number;
  type: string;
  project: string;
  tree: string;
  size: number;
  files: number;
  produced_by: string | null;
  producers: string[];
  used_by: string[];
  metadata: Record<string, unknown>;
  refs: string[];
  actor: Actor;
  recorded_at: string;
}

export interface Ways {
  local: boolean;
  set_up: boolean;
}

export interface WebSession {
  id: string;
  agent: string;
  address: string;
  created_at: string;
  seen_at: string;
  expires_at: string;
  current: boolean;
}

export interface WriterPosition {
  run_id: string;
  writer_id: string;
  sequence: number;
}


/** What this server speaks. */
export const about = (given: Record<string, never> = {}) => ask<About>("GET", "/v1/about", given);

/** What an agent reads before its next change. */
export const getContext = (given: { project: string; limit?: number; budget?: number; format?: "json" | "markdown" }) => ask<Brief>("GET", "/v1/agent/context", given);

/** Artifacts in order of name. */
export const listArtifacts = (given: { project?: string | null; type?: string | null; limit?: number; cursor?: string | null } = {}) => ask<PageArtifact>("GET", "/v1/artifacts", given);

/** Log a version; identical trees answer the version that has them. */
export const logArtifact = (given: Record<string, never> = {}, body: LogArtifactBody) => ask<Version>("POST", "/v1/artifacts/log", given, body);

/** Versions of an artifact in order of number, each with the refs that point at it. */
export const listVersions = (given: { artifact: string; limit?: number; cursor?: string | null }) => ask<PageVersion>("GET", "/v1/artifacts/{artifact}", given);

/** Promote: point a ref at a version, compare-and-set when expected is given. */
export const moveRef = (given: { artifact: string; ref: string }, body: MoveRefBody) => ask<Version>("PUT", "/v1/artifacts/{artifact}/refs/{ref}", given, body);

/** The version that a ref, latest, or a version's own name points at. */
export const getVersion = (given: { artifact: string; ref: string }) => ask<Version>("GET", "/v1/artifacts/{artifact}/{ref}", given);

/** Who did what to people and keys, first to last. */
export const listAudit = (given: { limit?: number; cursor?: string | null } = {}) => ask<PageAuditEntry>("GET", "/v1/audit", given);

/** Exchange a link of `autoresearch ui`, once, for the key of the page that it opened. */
export const useLocalLink = (given: Record<string, never> = {}, body: UseLocalLinkBody) => ask<LocalKey>("POST", "/v1/auth/local", given, body);

/** Change one's own password; every other session ends. */
export const changePassword = (given: Record<string, never> = {}, body: ChangePasswordBody) => ask<SignedIn>("POST", "/v1/auth/password", given, body);

/** Set a new password with a one-time link; every session ends. */
export const resetPassword = (given: Record<string, never> = {}, body: ResetPasswordBody) => ask<SignedIn>("POST", "/v1/auth/password/reset", given, body);

/** Who is signed in, with the CSRF token. */
export const currentSignIn = (given: Record<string, never> = {}) => ask<SignedIn>("GET", "/v1/auth/session", given);

/** Where the person is signed in. */
export const listOwnSessions = (given: { limit?: number; cursor?: string | null } = {}) => ask<PageWebSession>("GET", "/v1/auth/sessions", given);

/** End all of one's own sessions but this. */
export const endOtherSessions = (given: Record<string, never> = {}) => ask<null>("DELETE", "/v1/auth/sessions", given);

/** End one of one's own sessions. */
export const endOwnSession = (given: { session_id: string }) => ask<null>("DELETE", "/v1/auth/sessions/{session_id}", given);

/** Make the first account of a server, with the token that its first start printed. */
export const setUp = (given: Record<string, never> = {}, body: SetUpBody) => ask<SignedIn>("POST", "/v1/auth/set-up", given, body);

/** Sign in; the session is in a cookie that no script can read. */
export const signIn = (given: Record<string, never> = {}, body: SignInBody) => ask<SignedIn>("POST", "/v1/auth/sign-in", given, body);

/** End the session that asks. */
export const signOut = (given: Record<string, never> = {}) => ask<null>("POST", "/v1/auth/sign-out", given);

/** Accept an invitation with a new account, or with the password of the one that is there. */
export const signUp = (given: Record<string, never> = {}, body: SignUpBody) => ask<SignedIn>("POST", "/v1/auth/sign-up", given, body);

/** Who asks, for whom, and what it may do. */
export const authStatus = (given: Record<string, never> = {}) => ask<AuthStatus>("GET", "/v1/auth/status", given);

/** How one comes in: by signing in, by a link of `autoresearch ui`, or by making the first account. */
export const waysIn = (given: Record<string, never> = {}) => ask<Ways>("GET", "/v1/auth/ways", given);

/** Which of these digests this organization has yet to send; what only others have is among them. */
export const missingBlobs = (given: Record<string, never> = {}, body: MissingBlobsBody) => ask<DigestsOut>("POST", "/v1/blobs/missing", given, body);

/** Begin to send a large blob in parts, or find the upload of it that was begun. */
export const beginUpload = (given: Record<string, never> = {}, body: BeginUploadBody) => ask<UploadOut>("POST", "/v1/blobs/uploads", given, body);

/** How far an upload is: the next part begins at `received`. */
export const getUpload = (given: { upload_id: string }) => ask<UploadOut>("GET", "/v1/blobs/uploads/{upload_id}", given);

/** Make the blob of its parts; the server computes the digest itself. */
export const finishUpload = (given: { upload_id: string }) => ask<BlobOut>("POST", "/v1/blobs/uploads/{upload_id}/finish", given);

/** What a dashboard shows first: every project in a few numbers, and the newest of one. */
export const getBootstrap = (given: { project?: string | null; limit?: number } = {}) => ask<Bootstrap>("GET", "/v1/bootstrap", given);

/** Begin a campaign in a session of a project that has a goal. */
export const beginCampaign = (given: Record<string, never> = {}, body: BeginCampaignBody) => ask<Campaign>("POST", "/v1/campaigns", given, body);

/** One campaign, with the sums of its trials. */
export const getCampaign = (given: { campaign_id: string }) => ask<Campaign>("GET", "/v1/campaigns/{campaign_id}", given);

/** Drive a campaign alone for some seconds; called again, for longer. */
export const holdCampaign = (given: { campaign_id: string }, body: HoldCampaignBody) => ask<Campaign>("PUT", "/v1/campaigns/{campaign_id}/hold", given, body);

/** Let go of a campaign; nothing changes when another drives it. */
export const releaseCampaign = (given: { campaign_id: string }, body: ReleaseCampaignBody) => ask<Campaign>("POST", "/v1/campaigns/{campaign_id}/release", given, body);

/** Begin a trial; of two open ones with the same idea the second is refused. */
export const claimTrial = (given: { campaign_id: string }, body: ClaimTrialBody) => ask<Trial>("POST", "/v1/campaigns/{campaign_id}/trials", given, body);

/** Trials of a campaign in the order in which they were claimed. */
export const listTrials = (given: { campaign_id: string; open_only?: boolean; newest_first?: boolean; limit?: number; cursor?: string | null }) => ask<PageTrial>("GET", "/v1/campaigns/{campaign_id}/trials", given);

/** What people remarked since the campaign began and no trial was given yet: each once, and the same again. */
export const deliverNotes = (given: { campaign_id: string; trial_id: string }, body: DeliverNotesBody) => ask<PageNote>("POST", "/v1/campaigns/{campaign_id}/trials/{trial_id}/notes", given, body);

/** Pause, resume, stop or end a campaign; a move to where it is changes nothing. */
export const moveCampaign = (given: { campaign_id: string; move: "pause" | "resume" | "stop" | "end" }, body: MoveCampaignBody) => ask<Campaign>("POST", "/v1/campaigns/{campaign_id}/{move}", given, body);

/** What changed, in order; /v1/events streams the same. */
export const listChanges = (given: { project?: string | null; limit?: number; cursor?: string | null } = {}) => ask<PageEvent>("GET", "/v1/changes", given);

/** What lies immediately in a folder, or at the root: its folders, and a page of its runs. */
export const getContents = (given: { folder_id?: string | null; limit?: number; cursor?: string | null } = {}) => ask<FolderContents>("GET", "/v1/contents", given);

/** Record a tried change. */
export const postExperiment = (given: Record<string, never> = {}, body: PostExperimentBody) => ask<Experiment>("POST", "/v1/experiments", given, body);

/** Record experiments with their verdicts, all or none; answers how many were not there before. */
export const recordJudged = (given: Record<string, never> = {}, body: RecordJudgedBody) => ask<ValueInt>("POST", "/v1/experiments/judged", given, body);

/** One experiment. */
export const getExperiment = (given: { experiment_id: string }) => ask<Experiment>("GET", "/v1/experiments/{experiment_id}", given);

/** Give a verdict; the frontier and the winner follow in the same transaction. */
export const decide = (given: { experiment_id: string }, body: DecideBody) => ask<Decision>("POST", "/v1/experiments/{experiment_id}/decision", given, body);

/** All verdicts on one experiment, first to last; the last one stands. */
export const listDecisions = (given: { experiment_id: string }) => ask<PageDecision>("GET", "/v1/experiments/{experiment_id}/decisions", given);

export const getDiff = (given: { experiment_id: string }) => text("/v1/experiments/{experiment_id}/diff", given);

/** What differs between the trees of two experiments. */
export const compareTrees = (given: { experiment_id: string; other_id: string }) => ask<TreeDifference>("GET", "/v1/experiments/{experiment_id}/diff/{other_id}", given);

/** The code-snapshot tree. */
export const getTree = (given: { experiment_id: string }) => ask<TreeOut>("GET", "/v1/experiments/{experiment_id}/tree", given);

/** Set the code-snapshot tree of an experiment that has none. */
export const setTree = (given: { experiment_id: string }, body: SetTreeBody) => ask<TreeOut>("PUT", "/v1/experiments/{experiment_id}/tree", given, body);

/** The trial that an experiment was recorded in, with agent, model, tokens, cost and prompt; null without one. */
export const getTrialOfExperiment = (given: { experiment_id: string }) => ask<Trial | null>("GET", "/v1/experiments/{experiment_id}/trial", given);

/** The artifact versions that an experiment made, in order of artifact and number. */
export const listMadeVersions = (given: { experiment_id: string }) => ask<PageVersion>("GET", "/v1/experiments/{experiment_id}/versions", given);

/** Log a file that lies elsewhere as an artifact version: its address, digest and size; the bytes stay there. */
export const registerFile = (given: Record<string, never> = {}, body: RegisterFileBody) => ask<Version>("POST", "/v1/files", given, body);

/** The folder at a path, made with those above it where they are missing. */
export const makeFolder = (given: { path: string }) => ask<Folder>("PUT", "/v1/folder", given);

/** The folder at a path. */
export const findFolder = (given: { path: string }) => ask<Folder>("GET", "/v1/folder", given);

/** Make a folder at the root, or in another folder. */
export const createFolder = (given: Record<string, never> = {}, body: CreateFolderBody) => ask<Folder>("POST", "/v1/folders", given, body);

/** All folders, in the order in which they were made. */
export const listFolders = (given: { limit?: number; cursor?: string | null } = {}) => ask<PageFolder>("GET", "/v1/folders", given);

/** A folder, with what lies immediately in it. */
export const getFolder = (given: { folder_id: string; limit?: number; cursor?: string | null }) => ask<FolderContents>("GET", "/v1/folders/{folder_id}", given);

/** Rename a folder, or move it with everything in it. */
export const editFolder = (given: { folder_id: string }, body: EditFolderBody) => ask<Folder>("PATCH", "/v1/folders/{folder_id}", given, body);

/** Remove an empty folder. */
export const removeFolder = (given: { folder_id: string }) => ask<null>("DELETE", "/v1/folders/{folder_id}", given);

/** A folder without what lies in it. */
export const describeFolder = (given: { folder_id: string }) => ask<Folder>("GET", "/v1/folders/{folder_id}/about", given);

/** Append a batch of points, each once however often it is sent. */
export const ingest = (given: Record<string, never> = {}, body: IngestBody) => ask<Ingested>("POST", "/v1/ingest", given, body);

/** Say that a writer lives although it has nothing to append. */
export const ingestBeat = (given: Record<string, never> = {}, body: IngestBeatBody) => ask<Ingested>("POST", "/v1/ingest/beat", given, body);

/** The last sequence number that is stored of a writer; 0 when nothing is. */
export const ingestPosition = (given: { writer_id: string }) => ask<Position>("GET", "/v1/ingest/position", given);

/** Every invitation. */
export const listInvitations = (given: { limit?: number; cursor?: string | null } = {}) => ask<PageInvitation>("GET", "/v1/invitations", given);

/** Invite an address; the token is in this answer alone, and nothing is sent. */
export const inviteMember = (given: Record<string, never> = {}, body: InviteMemberBody) => ask<NewInvitation>("POST", "/v1/invitations", given, body);

/** Accept an invitation with the account that is signed in. */
export const acceptInvitation = (given: Record<string, never> = {}, body: AcceptInvitationBody) => ask<SignedIn>("POST", "/v1/invitations/accept", given, body);

/** End an invitation. */
export const revokeInvitation = (given: { invitation_id: string }) => ask<Invitation>("DELETE", "/v1/invitations/{invitation_id}", given);

/** API keys, without their secrets. */
export const listKeys = (given: { limit?: number; cursor?: string | null } = {}) => ask<PageApiKey>("GET", "/v1/keys", given);

/** Make an API key; it is in this answer alone. */
export const createKey = (given: Record<string, never> = {}, body: CreateKeyBody) => ask<NewApiKey>("POST", "/v1/keys", given, body);

/** End an API key at once. */
export const revokeKey = (given: { key_id: string }) => ask<ApiKey>("DELETE", "/v1/keys/{key_id}", given);

/** Everybody of the organization. */
export const listMembers = (given: { limit?: number; cursor?: string | null } = {}) => ask<PageMember>("GET", "/v1/members", given);

/** Give a member another role. */
export const setMemberRole = (given: { user_id: string }, body: SetMemberRoleBody) => ask<Member>("PATCH", "/v1/members/{user_id}", given, body);

/** End a membership, or leave. */
export const removeMember = (given: { user_id: string }) => ask<null>("DELETE", "/v1/members/{user_id}", given);

/** A one-time link with which a member sets a new password. */
export const makeResetLink = (given: { user_id: string }) => ask<NewLink>("POST", "/v1/members/{user_id}/reset-link", given);

/** Points of several series in one order. */
export const compareMetrics = (given: { series: string[]; min_step?: number | null; max_step?: number | null; since?: number | null; until?: number | null; sort?: string[]; descending?: boolean; limit?: number }) => ask<ComparedOut>("GET", "/v1/metrics/compare", given);

/** Metrics of some runs, each with at most so many points, among them the exact extremes. */
export const getSamples = (given: { run_id: string[]; keys?: string[]; label?: string[]; samples?: number; min_step?: number | null; max_step?: number | null }) => ask<Curves>("GET", "/v1/metrics/samples", given);

/** Leave a remark that every later context shows. */
export const addNote = (given: Record<string, never> = {}, body: AddNoteBody) => ask<Note>("POST", "/v1/notes", given, body);

/** The organizations of the person who asks, or the one of a key. */
export const listOrganizations = (given: { limit?: number; cursor?: string | null } = {}) => ask<PageOrganization>("GET", "/v1/organizations", given);

/** Make an organization; the person who asks owns it. */
export const createOrganization = (given: Record<string, never> = {}, body: CreateOrganizationBody) => ask<Organization>("POST", "/v1/organizations", given, body);

/** Give the organization that one works in another name. */
export const renameOrganization = (given: { organization_id: string }, body: RenameOrganizationBody) => ask<Organization>("PATCH", "/v1/organizations/{organization_id}", given, body);

/** Work in another of one's own organizations. */
export const activateOrganization = (given: { organization_id: string }) => ask<SignedIn>("POST", "/v1/organizations/{organization_id}/activate", given);

/** Create a project, or change its goal; fields that are left out keep what they are. */
export const postProject = (given: Record<string, never> = {}, body: PostProjectBody) => ask<Project>("POST", "/v1/projects", given, body);

/** Projects in order of name. */
export const listProjects = (given: { limit?: number; cursor?: string | null } = {}) => ask<PageProject>("GET", "/v1/projects", given);

/** The project of this name, made when it is not there. */
export const makeProject = (given: { project: string }, body: MakeProjectBody) => ask<Project>("PUT", "/v1/projects/{project}", given, body);

/** One project. */
export const getProject = (given: { project: string }) => ask<Project>("GET", "/v1/projects/{project}", given);

/** The campaign meant by 3, #3, last, a full id, or a part of one. */
export const findCampaign = (given: { project: string; text: string }) => ask<Campaign>("GET", "/v1/projects/{project}/campaign", given);

/** Campaigns of a project in order of number. */
export const listCampaigns = (given: { project: string; newest_first?: boolean; limit?: number; cursor?: string | null }) => ask<PageCampaign>("GET", "/v1/projects/{project}/campaigns", given);

/** The runs of a project, the newest first, with their metrics in few points. */
export const getCharts = (given: { project: string; keys?: string[]; samples?: number; since_step?: number | null; max_step?: number | null; limit?: number; cursor?: string | null }) => ask<ChartsOut>("GET", "/v1/projects/{project}/charts", given);

/** The experiment meant by 12, #12, best, last, a full id, or a part of one. */
export const findExperiment = (given: { project: string; text: string }) => ask<Experiment>("GET", "/v1/projects/{project}/experiment", given);

/** Experiments of a project in order of number. */
export const listExperiments = (given: { project: string; session_id?: string | null; state?: "recorded" | "kept" | "dropped" | "crashed" | null; newest_first?: boolean; limit?: number; cursor?: string | null }) => ask<PageExperiment>("GET", "/v1/projects/{project}/experiments", given);

/** Everything that the brief may say, in bounded lists. */
export const getFacts = (given: { project: string; limit?: number }) => ask<Record<string, unknown>>("GET", "/v1/projects/{project}/facts", given);

/** The staircase of running bests. */
export const getFrontier = (given: { project: string; session_id?: string | null; segment?: number | null }) => ask<Frontier>("GET", "/v1/projects/{project}/frontier", given);

/** Set or change a project's goal; another metric or direction opens a new segment. */
export const setGoal = (given: { project: string }, body: SetGoalBody) => ask<Goal>("PUT", "/v1/projects/{project}/goal", given, body);

/** Remarks in the order in which they were made. */
export const listNotes = (given: { project: string; limit?: number; cursor?: string | null }) => ask<PageNote>("GET", "/v1/projects/{project}/notes", given);

/** Every experiment of a segment with the running best. */
export const getProgress = (given: { project: string; session_id?: string | null; segment?: number | null }) => ask<Progress>("GET", "/v1/projects/{project}/progress", given);

/** The run meant by 12, #12, last, a name, a full id, or a part of one. */
export const findRun = (given: { project: string; text: string }) => ask<Run>("GET", "/v1/projects/{project}/run", given);

/** The runs of a project: id, name, state, config, latest values. */
export const listRuns = (given: { project: string; state?: "running" | "finished" | "failed" | "crashed" | "killed" | null; tags?: string[]; group?: string | null; experiment_id?: string | null; folder_id?: string | null; where?: string[]; order?: string; descending?: boolean; limit?: number; cursor?: string | null }) => ask<PageRun>("GET", "/v1/projects/{project}/runs", given);

/** Experiments whose note or diff has these words, best match first. */
export const searchExperiments = (given: { project: string; text: string; limit?: number }) => ask<PageMatch>("GET", "/v1/projects/{project}/search", given);

/** Begin to compare anew under the same goal. */
export const openSegment = (given: { project: string }, body: OpenSegmentBody) => ask<Goal>("POST", "/v1/projects/{project}/segments", given, body);

/** The segments of a project, first to last: the goal that rules each, why it was opened, and its sums. */
export const listSegments = (given: { project: string }) => ask<PageSegment>("GET", "/v1/projects/{project}/segments", given);

/** Sessions of a project in order of number. */
export const listSessions = (given: { project: string; limit?: number; cursor?: string | null }) => ask<PageSession>("GET", "/v1/projects/{project}/sessions", given);

/** Experiments like a change, most alike first; nothing is written. */
export const tried = (given: { project: string }, body: TriedBody) => ask<PageMatch>("POST", "/v1/projects/{project}/tried", given, body);

/** Begin a run, or go on with one by resume. */
export const createRun = (given: Record<string, never> = {}, body: CreateRunBody) => ask<Run>("POST", "/v1/runs", given, body);

/** One run. */
export const getRun = (given: { run_id: string }) => ask<Run>("GET", "/v1/runs/{run_id}", given);

/** Change what people say about a run; what is left out stays. */
export const editRun = (given: { run_id: string }, body: EditRunBody) => ask<Run>("PATCH", "/v1/runs/{run_id}", given, body);

/** Remove a run that has ended, with all it logged. */
export const removeRun = (given: { run_id: string }) => ask<null>("DELETE", "/v1/runs/{run_id}", given);

/** Note something about a run. */
export const addAnnotation = (given: { run_id: string }, body: AddAnnotationBody) => ask<Annotation>("POST", "/v1/runs/{run_id}/annotations", given, body);

/** Annotations of a run in the order in which they were made. */
export const listAnnotations = (given: { run_id: string; since?: number | null; until?: number | null; limit?: number; cursor?: string | null }) => ask<PageAnnotation>("GET", "/v1/runs/{run_id}/annotations", given);

/** What a run has logged, in order of name and labels. */
export const getCatalog = (given: { run_id: string }) => ask<PageSeriesInfo>("GET", "/v1/runs/{run_id}/catalog", given);

/** The labels of a metric of a run with their values, the most frequent first. */
export const getLabelValues = (given: { run_id: string; name: string; key?: string[]; limit?: number }) => ask<LabelValues>("GET", "/v1/runs/{run_id}/catalog/{name}", given);

/** Bring the live tail of a run into chunks; answers how many points were moved. */
export const compactRun = (given: { run_id: string }) => ask<ValueInt>("POST", "/v1/runs/{run_id}/compact", given);

/** End a run; ending one that has that state already changes nothing. */
export const finishRun = (given: { run_id: string }, body: FinishRunBody) => ask<Run>("POST", "/v1/runs/{run_id}/finish", given, body);

/** Say that a run lives although nothing was logged. */
export const touchRun = (given: { run_id: string }) => ask<null>("POST", "/v1/runs/{run_id}/heartbeat", given);

/** The keys of a run, without their secrets. */
export const listIngestionKeys = (given: { run_id: string; limit?: number; cursor?: string | null }) => ask<PageIngestionKey>("GET", "/v1/runs/{run_id}/ingestion-keys", given);

/** Make a key that can only append to this run; it is in this answer alone. */
export const createIngestionKey = (given: { run_id: string }, body: CreateIngestionKeyBody) => ask<NewIngestionKey>("POST", "/v1/runs/{run_id}/ingestion-keys", given, body);

/** End an ingestion key at once. */
export const revokeIngestionKey = (given: { run_id: string; key_id: string }) => ask<IngestionKey>("DELETE", "/v1/runs/{run_id}/ingestion-keys/{key_id}", given);

/** The receipt: whether everything the run committed is there. */
export const getIntegrity = (given: { run_id: string; verify?: boolean }) => ask<Receipt>("GET", "/v1/runs/{run_id}/integrity", given);

/** Entries of text series in order of time. */
export const getLogs = (given: { run_id: string; keys?: string[]; limit?: number; cursor?: string | null; tail?: boolean }) => ask<PageLoggedLine>("GET", "/v1/runs/{run_id}/logs", given);

/** What was logged beside numbers and text, first to last. */
export const listMedia = (given: { run_id: string; name?: string | null; limit?: number; cursor?: string | null }) => ask<PageMedia>("GET", "/v1/runs/{run_id}/media", given);

/** Every point of some metrics, in pages; with samples only so many of each, among them the exact extremes. */
export const getMetrics = (given: { run_id: string; keys?: string[]; label?: string[]; min_step?: number | null; max_step?: number | null; since?: number | null; until?: number | null; limit?: number; cursor?: string | null; samples?: number | null }) => ask<HistoryOut>("GET", "/v1/runs/{run_id}/metrics", given);

/** Open a session; a project that is not there is made. */
export const openSession = (given: Record<string, never> = {}, body: OpenSessionBody) => ask<Session>("POST", "/v1/sessions", given, body);

/** One session. */
export const getSession = (given: { session_id: string }) => ask<Session>("GET", "/v1/sessions/{session_id}", given);

/** The staircase of a session's own experiments. */
export const getSessionFrontier = (given: { session_id: string }) => ask<Frontier>("GET", "/v1/sessions/{session_id}/frontier", given);

/** Every experiment of a session with the running best. */
export const getSessionProgress = (given: { session_id: string }) => ask<Progress>("GET", "/v1/sessions/{session_id}/progress", given);

/** Close or reopen a session. */
export const moveSession = (given: { session_id: string; move: "close" | "reopen"; activate?: boolean }) => ask<Session>("POST", "/v1/sessions/{session_id}/{move}", given);

/** One trial. */
export const getTrial = (given: { trial_id: string }) => ask<Trial>("GET", "/v1/trials/{trial_id}", given);

/** Move a trial forward, or say more of it; the sums of its campaign follow. */
export const updateTrial = (given: { trial_id: string }, body: UpdateTrialBody) => ask<Trial>("POST", "/v1/trials/{trial_id}/updates", given, body);
