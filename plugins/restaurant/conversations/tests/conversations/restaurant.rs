//! A restaurant for tests: everything of the bundle except the sandbox.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use signalbox_graph::{FailureKind, Graph, GraphResult, Json, Next, Scope, StepOutput, Stepper, Task, TaskResult};
use signalbox_sdk::testing::{self, Host};
use signalbox_sdk::{
    Action, Context, Entry, Event, Failure, InputType, NewInput, Response, Source, Step, WebhookRequest,
};

/// The template and parameters of each code and locale.
pub type Models = BTreeMap<(String, String), (String, Vec<String>)>;

/// What a guest and an operator see of one message.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    pub code: String,
    pub confidence: f64,
    pub review: bool,
    /// Node names in the order they ran, attempts included.
    pub path: Vec<String>,
    /// Targets of the actions.
    pub actions: Vec<String>,
    /// Payloads of the actions.
    pub payloads: Vec<Value>,
}

/// An input.
#[derive(Clone, Debug)]
struct Input {
    source: Source,
    input_type: InputType,
    user: Option<String>,
    text: Option<String>,
    data: Option<Value>,
}

/// One business on a Wednesday at 15:30, half an hour after lunch.
pub struct Restaurant {
    pub host: Host,
    graph: Arc<Graph>,
    business: Value,
    place: Option<String>,
    now: (&'static str, &'static str),
    sessions: RefCell<BTreeMap<String, BTreeMap<String, Json>>>,
    decisions: Cell<u32>,
}

impl Restaurant {
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
            place: None,
            now: ("2026-11-25T13:30:00.000Z", "2026-11-25T15:30:00+02:00"),
            sessions: RefCell::default(),
            decisions: Cell::new(0),
        }
    }

    /// Asks about one of the business's places.
    pub fn at(mut self, place: &str) -> Self {
        self.place = Some(place.to_owned());
        self
    }

    /// Sets a setting.
    pub fn setting(mut self, name: &str, value: Value) -> Self {
        self.business["settings"][name] = value;
        self
    }

    /// A guest sends a message and gets an answer.
    pub fn say(&self, user: &str, text: &str) -> Answer {
        self.decisions.set(self.decisions.get() + 1);
        self.say_as(&format!("dec_{:06}", self.decisions.get()), user, text)
    }

    /// The same, with a given decision id.
    pub fn say_as(&self, decision: &str, user: &str, text: &str) -> Answer {
        let (user, text) = (Some(user.to_owned()), Some(text.to_owned()));
        let (source, input_type) = (Source::Websocket, InputType::UserMessage);
        self.decide(decision, &Input { source, input_type, user, text, data: None })
    }

    /// A booking portal posts; the inputs that the handler makes of it are decided.
    pub fn post(&self, decision: &str, body: &Value) -> Answer {
        let (hook, delivery_id, headers) = ("reservations".to_owned(), "msg_1".to_owned(), Vec::new());
        let request = WebhookRequest { hook, delivery_id, headers, body: body.to_string().into_bytes() };
        let handler = restaurant_reservations_webhook::reservations_webhook;
        let handled = self.host.handle(handler, Event::Webhook(request)).unwrap();
        self.decide(decision, &Input::of(Source::ExternalApi, &handled.inputs[0]))
    }

    /// The point of sale reports an event.
    pub fn tell(&self, decision: &str, event: &Value) -> Answer {
        let (topic, headers, value) = ("pos.events".to_owned(), Vec::new(), Some(event.to_string().into_bytes()));
        let entry = Entry { topic, partition: 0, offset: 1, key: None, headers, value, timestamp: None };
        let handled = self.host.handle(restaurant_pos::pos, Event::Kafka(entry)).unwrap();
        self.decide(decision, &Input::of(Source::Kafka, &handled.inputs[0]))
    }

    /// A program forwards a guest's message on the topic of inputs.
    pub fn bring(&self, decision: &str, user: &str, text: &str) -> Answer {
        let (user, text) = (Some(user.to_owned()), Some(text.to_owned()));
        let (source, input_type) = (Source::Kafka, InputType::UserMessage);
        self.decide(decision, &Input { source, input_type, user, text, data: None })
    }

    /// The schedule ticks.
    pub fn tick(&self) -> Answer {
        let data = Some(json!({ "task": "daily-summary" }));
        let (source, input_type) = (Source::Cron, InputType::ScheduledTask);
        self.decide("dec_tick", &Input { source, input_type, user: None, text: None, data })
    }

    /// Sets the time: in UTC, and in the place's time zone.
    pub fn at_time(&mut self, now: &'static str, local: &'static str) {
        self.now = (now, local);
    }

    fn decide(&self, decision: &str, input: &Input) -> Answer {
        let user = input.user.clone().unwrap_or_default();
        let session = self.sessions.borrow().get(&user).cloned().unwrap_or_default();
        let mut stepper = Stepper::new(Arc::clone(&self.graph), session, input.scope());
        let mut path = Vec::new();
        let (payloads, session) = loop {
            match stepper.next() {
                Next::Run(tasks) => {
                    for task in tasks {
                        path.push(task.name.to_string());
                        let outcome = self.run(&self.context(decision, input, &task.name), &task);
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

    /// The bookings of a day.
    pub fn bookings(&self, day: &str) -> Vec<Value> {
        let row = self.host.row("reservations", self.place.as_deref().unwrap_or("main"), day);
        row.and_then(|row| row["bookings"].as_array().cloned()).unwrap_or_default()
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

    fn context(&self, decision: &str, input: &Input, node: &str) -> Context {
        let field = |name: &str| self.business[name].as_str().unwrap_or_default();
        let mut builder = testing::context()
            .decision(decision)
            .node(node)
            .source(input.source)
            .input_type(input.input_type)
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
        if let Some(place) = &self.place {
            let places = self.business["locations"].as_array().unwrap();
            let settings = places.iter().find(|known| known["id"] == place.as_str()).unwrap()["settings"].clone();
            builder = builder.location(place, field("timezone"), settings);
        }
        builder.build()
    }

    fn run(&self, context: &Context, task: &Task) -> TaskResult<Step> {
        let state: Map<String, Value> =
            task.state.iter().map(|(channel, value)| (channel.to_string(), value.value().clone())).collect();
        let (host, state) = (&self.host, Value::Object(state));
        let result = match &*task.plugin {
            "understand" => host.run(restaurant_understand::understand, context, state),
            "extract" => host.run(restaurant_extract::extract, context, state),
            "lookup" => host.run(restaurant_lookup::lookup, context, state),
            "reservations" => host.run(restaurant_reservations::reservations, context, state),
            "complaint" => host.run(restaurant_complaint::complaint, context, state),
            "portal" => host.enter(|| restaurant_portal::portal(context)),
            "summary" => host.run(restaurant_summary::summary, context, state),
            "handover" => host.run(restaurant_handover::handover, context, state),
            "respond" => host.run(restaurant_respond::respond, context, state),
            other => panic!("the test knows no plugin `{other}`"),
        };
        match result {
            Ok(step) => TaskResult::Done(StepOutput {
                updates: step
                    .updates
                    .iter()
                    .map(|(channel, text)| (channel.clone(), Json::parse(text.clone()).unwrap()))
                    .collect(),
                goto: step.goto.clone(),
                payload: step,
            }),
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
}

fn bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Input {
    /// Completes a handler's input as the host does.
    fn of(source: Source, input: &NewInput) -> Self {
        let data = input.content.data.as_ref().map(|data| data.read().unwrap());
        let (user, text) = (input.user_id.clone(), input.content.text.clone());
        Self { source, input_type: input.input_type, user, text, data }
    }

    fn scope(&self) -> Scope {
        let source = match self.source {
            Source::Websocket => "websocket",
            Source::Cron => "cron",
            Source::ExternalApi => "external_api",
            Source::Kafka => "kafka",
        };
        let input_type = match self.input_type {
            InputType::UserMessage => "user_message",
            InputType::ScheduledTask => "scheduled_task",
            InputType::Webhook => "webhook",
            InputType::ApiRequest => "api_request",
            InputType::Review => "review",
            InputType::KafkaRecord => "kafka_record",
        };
        let mut content = Map::new();
        content.extend(self.text.clone().map(|text| ("text".to_owned(), text.into())));
        content.extend(self.data.clone().map(|data| ("data".to_owned(), data)));
        let input = json!({
            "id": "in_1",
            "source": source,
            "businessId": "business",
            "type": input_type,
            "content": content,
            "timestamp": "2026-11-25T13:30:00Z",
        });
        Scope::new(&serde_json::from_value(input).unwrap(), &["message".to_owned()])
    }
}

/// The result of the steps, combined as the host does it: the last verdict wins, templates need all their parameters.
fn answer(steps: &[Step], path: Vec<String>) -> Answer {
    let verdict = steps.iter().filter_map(|step| step.decision.as_ref()).next_back().expect("no node decided");
    let said: Vec<&Response> = steps.iter().flat_map(|step| &step.responses).collect();
    assert!(said.len() <= 1, "one answer is expected, there are {}", said.len());
    let actions: Vec<&Action> = steps.iter().flat_map(|step| &step.actions).collect();
    Answer {
        text: said.first().map(|response| render(response)).unwrap_or_default(),
        code: verdict.code.clone(),
        confidence: verdict.confidence,
        review: verdict.requires_human_review,
        path,
        actions: actions.iter().map(|action| action.target.clone()).collect(),
        payloads: actions.iter().map(|action| action.payload.clone()).collect(),
    }
}

fn render(response: &Response) -> String {
    let (code, locale) = (response.template.clone().unwrap(), response.locale.clone().unwrap());
    let models = Restaurant::models();
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
