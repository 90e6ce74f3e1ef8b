/** When each event type is sent, in a sentence. */
export const eventDescriptions: Readonly<Record<string, string>> = {
  workflow_created: "A workflow was created.",
  workflow_updated:
    "A workflow's configuration, active version or settings changed; `changes` names each path with its old and new value.",
  workflow_deleted: "A workflow was deleted. Its unfinished runs were cancelled first.",
  workflow_run_started: "A run of a workflow started.",
  workflow_run_completed:
    "A run of a workflow ended: completed, failed or cancelled, as `workflow_run_status` says.",
  "workflow.started": "A run of a workflow started.",
  "workflow.completed": "A run of a workflow completed.",
  "workflow.failed": "A run of a workflow failed or was cancelled, as `data.status` says.",
  "workflow.step.started": "A step of a run started; sent for each attempt of a step.",
  "workflow.step.completed": "A step of a run completed.",
  "workflow.step.failed": "A step of a run failed; it may start again.",
  "status-update": "The status of a call changed.",
  "conversation-update": "A message was added to a call; the body has the whole history so far.",
  "end-of-call-report":
    "A call finished: its duration, metrics, cost, recording, analysis and all messages. Sent once.",
  hang: "The assistant did not answer a message of the user within its `hangTimeoutSeconds`.",
  "endpoint.failing":
    "An endpoint started to fail: 90 % of at least 10 attempts in 10 minutes failed, or 3 deliveries in a row used up their retries.",
  "endpoint.recovered": "A failing endpoint accepted a delivery again.",
  "endpoint.disabled": "An endpoint was disabled because all its deliveries had failed for days.",
  "delivery.exhausted": "A delivery used up its retries. It can be replayed.",
  "replay.completed": "Every delivery that a replay made due has ended.",
  "backlog.growing":
    "Deliveries have been due for more than two minutes, not counting failing and disabled endpoints. Sent at most once an hour, and only to webhooks with `all_teams`.",
  error: "A failure of a language model or of speech recognition was reported in a call.",
};
