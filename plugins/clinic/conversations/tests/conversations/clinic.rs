//! A clinic for tests: everything of the bundle except the sandbox.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use signalbox_graph::{FailureKind, Graph, GraphResult, Json, Next, Scope, StepOutput, Stepper, Task, TaskResult};
use signalbox_sdk::testing::{self, Host};
use signalbox_sdk::{Action, Context, Event, Failure, InputType, Response, ResponseTarget, Step, WebhookRequest};

/// The template and parameters of each code and locale.
pub type Models = BTreeMap<(String, String), (String, Vec<String>)>;

/// An input.
#[derive(Clone, Debug)]
pub struct Input {
    pub input_type: InputType,
    pub user: Option<String>,
    pub text: Option<String>,
    pub data: Option<Value>,
}

/// What the sender and an operator see of one decision.
#[derive(Debug)]
pub struct Answer {
    /// The text of the reply; empty when the input has no sender.
    pub text: String,
    pub target: Option<ResponseTarget>,
    pub code: String,
    pub confidence: f64,
    pub review: bool,
    /// Node names in the order they ran, attempts included.
    pub path: Vec<String>,
    pub actions: Vec<Action>,
}

/// One business on a Wednesday at 15:30.
pub struct Clinic {
    pub host: Host,
    graph: Arc<Graph>,
    business: Value,
    permissions: Vec<String>,
    now: (&'static str, &'static str),
    sessions: RefCell<BTreeMap<String, BTreeMap<String, Json>>>,
    decisions: Cell<u32>,
}

impl Clinic {
    pub fn open(business: &str) -> Self {
        let manifest = fs::read_to_string(bundle().join("bundle.toml")).unwrap();
        let manifest = signalbox_graph::parse("bundle.toml", &manifest);
        let manifest = manifest.unwrap_or_else(|report| panic!("{}", report.render(false)));
        let text = fs::read_to_string(bundle().join(format!("business/{business}.toml"))).unwrap();
        let known: signalbox_model::BusinessInfo = toml::from_str(&text).unwrap();
        Self {
            host: Host::new(),
            graph: manifest.graph,
            business: serde_json::to_value(known).unwrap(),
            permissions: vec!["message".to_owned()],
            now: ("2026-11-25T13:30:00.000Z", "2026-11-25T15:30:00+02:00"),
            sessions: RefCell::default(),
            decisions: Cell::new(0),
        }
    }

    /// Gives the sender one more permission.
    pub fn with(mut self, permission: &str) -> Self {
        self.permissions.push(permission.to_owned());
        self
    }

    /// Sets a setting.
    pub fn setting(mut self, name: &str, value: Value) -> Self {
        self.business["settings"][name] = value;
        self
    }

    /// Sets the time: in UTC, and in the clinic's time zone.
    pub fn at(&mut self, now: &'static str, local: &'static str) {
        self.now = (now, local);
    }

    /// A patient sends a message.
    pub fn say(&self, user: &str, text: &str) -> Answer {
        self.decide(&self.next(), &message(user, text))
    }

    /// A program sends a request.
    pub fn ask(&self, user: &str, data: &Value) -> Answer {
        let user = Some(user.to_owned());
        self.decide(
            &self.next(),
            &Input { input_type: InputType::ApiRequest, user, text: None, data: Some(data.clone()) },
        )
    }

    /// The schedule ticks.
    pub fn tick(&self) -> Answer {
        let data = Some(json!({ "task": "reminders" }));
        self.decide(&self.next(), &Input { input_type: InputType::ScheduledTask, user: None, text: None, data })
    }

    /// A laboratory posts; each input that the handler makes of it is decided.
    pub fn post(&self, body: &Value) -> Vec<Answer> {
        let (hook, delivery_id, headers) = ("lab-results".to_owned(), "msg_1".to_owned(), Vec::new());
        let request = WebhookRequest { hook, delivery_id, headers, body: body.to_string().into_bytes() };
        let handled = self.host.handle(clinic_lab_results::lab_results, Event::Webhook(request)).unwrap();
        let decide = |input: &signalbox_sdk::NewInput| {
            let data = input.content.data.as_ref().map(|data| data.read().unwrap());
            let (user, text) = (input.user_id.clone(), input.content.text.clone());
            self.decide(&self.next(), &Input { input_type: input.input_type, user, text, data })
        };
        handled.inputs.iter().map(decide).collect()
    }

    fn next(&self) -> String {
        self.decisions.set(self.decisions.get() + 1);
        format!("dec_{:06}", self.decisions.get())
    }

    /// Decides about an input, as a decision of a given id.
    pub fn decide(&self, decision: &str, input: &Input) -> Answer {
        let user = input.user.clone().unwrap_or_default();
        let session = self.sessions.borrow().get(&user).cloned().unwrap_or_default();
        let mut stepper = Stepper::new(Arc::clone(&self.graph), session, self.scope(input));
        let mut path = Vec::new();
        let (payloads, session) = loop {
            match stepper.next() {
                Next::Run(tasks) => {
                    for task in tasks {
                        path.push(task.name.to_string());
                        let outcome = self.run(&self.context(decision, input, &task), &task);
                        stepper.complete(task.id, outcome);
                    }
                }
                Next::Wait => panic!("nothing is outstanding here"),
                Next::Pause => {}
                Next::Ended(GraphResult::Finished { payloads, session, .. }) => break (payloads, session),
                Next::Ended(GraphResult::Failed { error, .. }) => panic!("{input:?}: {error} after {path:?}"),
            }
        };
        if input.user.is_some() {
            self.sessions.borrow_mut().insert(user, session);
        }
        let steps: Vec<Step> = payloads.into_iter().map(|(_, step)| step).collect();
        answer(&steps, path)
    }

    /// The appointments of a day at the business without a place.
    pub fn appointments(&self, day: &str) -> Vec<Value> {
        let row = self.host.row("appointments", "main", day);
        row.and_then(|row| row["appointments"].as_array().cloned()).unwrap_or_default()
    }

    /// All message models of the bundle.
    pub fn models() -> Models {
        let mut models = Models::new();
        for entry in fs::read_dir(bundle().join("models")).unwrap() {
            let file: Value = toml::from_str(&fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
            for model in file["models"].as_array().unwrap() {
                let text = |key: &str| model[key].as_str().unwrap().to_owned();
                let parameters = serde_json::from_value(model["parameters"].clone()).unwrap();
                models.insert((text("decisionCode"), text("locale")), (text("messageTemplate"), parameters));
            }
        }
        models
    }

    fn context(&self, decision: &str, input: &Input, task: &Task) -> Context {
        let field = |name: &str| self.business[name].as_str().unwrap_or_default();
        let permissions: Vec<&str> = self.permissions.iter().map(String::as_str).collect();
        let mut builder = testing::context()
            .decision(decision)
            .node(&task.name)
            .input_type(input.input_type)
            .permissions(&permissions)
            .now(self.now.0)
            .local_now(self.now.1)
            .business(field("name"), field("locale"), field("timezone"))
            .settings(self.business["settings"].clone());
        if let Some(user) = &input.user {
            builder = builder.user(user);
        }
        if let Some(text) = &input.text {
            builder = builder.text(text);
        }
        if let Some(data) = &input.data {
            builder = builder.data(data);
        }
        if let Some((position, item)) = &task.item {
            builder = builder.item(*position, item.value());
        }
        builder.build()
    }

    fn run(&self, context: &Context, task: &Task) -> TaskResult<Step> {
        let state: Map<String, Value> =
            task.state.iter().map(|(channel, value)| (channel.to_string(), value.value().clone())).collect();
        let (host, state) = (&self.host, Value::Object(state));
        let alone = |node: fn(&Context) -> Result<Step, Failure>| host.enter(|| node(context));
        let result = match &*task.plugin {
            "understand" => host.run(clinic_understand::understand, context, state),
            "symptoms" => alone(clinic_symptoms::symptoms),
            "weigh" => alone(clinic_weigh::weigh),
            "triage" => host.run(clinic_triage::triage, context, state),
            "request" => host.run(clinic_request::request, context, state),
            "appointments" => host.run(clinic_appointments::appointments, context, state),
            "laboratory" => alone(clinic_laboratory::results),
            "handover" => host.run(clinic_handover::handover, context, state),
            "respond" => host.run(clinic_respond::respond, context, state),
            other => panic!("the test knows no plugin `{other}`"),
        };
        match result {
            Ok(step) => {
                let updates = step.updates.iter();
                let updates = updates.map(|(channel, text)| (channel.clone(), Json::parse(text.clone()).unwrap()));
                TaskResult::Done(StepOutput { updates: updates.collect(), goto: step.goto.clone(), payload: step })
            }
            Err(failure) => {
                let kind = match failure {
                    Failure::Invalid(_) => FailureKind::Invalid,
                    Failure::Retry(_) => FailureKind::Retry,
                    Failure::Fatal(_) => FailureKind::Fatal,
                };
                TaskResult::Failed { kind, message: failure.to_string() }
            }
        }
    }

    fn scope(&self, input: &Input) -> Scope {
        let (source, input_type) = match input.input_type {
            InputType::UserMessage => ("websocket", "user_message"),
            InputType::ScheduledTask => ("cron", "scheduled_task"),
            InputType::Webhook => ("external_api", "webhook"),
            InputType::ApiRequest => ("external_api", "api_request"),
            InputType::Review => ("websocket", "review"),
            InputType::KafkaRecord => ("kafka", "kafka_record"),
        };
        let mut content = Map::new();
        content.extend(input.text.clone().map(|text| ("text".to_owned(), text.into())));
        content.extend(input.data.clone().map(|data| ("data".to_owned(), data)));
        let input = json!({
            "id": "in_1",
            "source": source,
            "businessId": "business",
            "type": input_type,
            "content": content,
            "timestamp": self.now.0,
        });
        Scope::new(&serde_json::from_value(input).unwrap(), &self.permissions)
    }
}

/// A patient's message.
pub fn message(user: &str, text: &str) -> Input {
    let (user, text) = (Some(user.to_owned()), Some(text.to_owned()));
    Input { input_type: InputType::UserMessage, user, text, data: None }
}

fn bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The result of the steps, combined as the host does it: the last verdict wins, templates need all their parameters.
fn answer(steps: &[Step], path: Vec<String>) -> Answer {
    let verdict = steps.iter().filter_map(|step| step.decision.as_ref()).next_back().expect("no node decided");
    let said: Vec<&Response> = steps.iter().flat_map(|step| &step.responses).collect();
    assert!(said.len() <= 1, "one answer is expected, there are {}", said.len());
    let said = said.first();
    Answer {
        text: said.map(|response| render(response)).unwrap_or_default(),
        target: said.map(|response| response.target),
        code: verdict.code.clone(),
        confidence: verdict.confidence,
        review: verdict.requires_human_review,
        path,
        actions: steps.iter().flat_map(|step| step.actions.clone()).collect(),
    }
}

fn render(response: &Response) -> String {
    let (code, locale) = (response.template.clone().unwrap(), response.locale.clone().unwrap());
    let models = Clinic::models();
    let (template, parameters) = models.get(&(code.clone(), locale)).unwrap_or_else(|| panic!("no model for {code}"));
    let data = response.data.clone().unwrap();
    for parameter in parameters {
        assert!(!data[parameter].is_null(), "{code} is not given its parameter {parameter}: {data}");
    }
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let compiled = environment.template_from_str(template).unwrap();
    let undeclared: Vec<String> =
        compiled.undeclared_variables(false).into_iter().filter(|name| !parameters.contains(name)).collect();
    assert!(undeclared.is_empty(), "{code} uses {undeclared:?} without declaring it");
    compiled.render(minijinja::value::Serde(&data)).unwrap()
}
