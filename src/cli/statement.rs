//! What statements that begin with a fit have in common.

use neyman::accelerator::DeviceRequest;
use neyman::fit::Status;
use neyman::model::Data;
use neyman::session::{FitOptions, Session};
use neyman::spec::display_name;

use super::arguments::statement::{DataArguments, StatementArguments};
use super::arguments::{Global, TestArguments};
use super::failure::Failure;
use super::load::{self, Loaded};
use super::table::to_precision;
use super::{fit, input};

/// Loads, and says what fits run on.
pub(crate) fn open(
    global: &Global,
    arguments: &StatementArguments,
) -> Result<(Loaded, Session), Failure> {
    let (loaded, session) = load::open(global, &arguments.workspace)?;
    load::say_device(global, session.fit_device());
    Ok((loaded, session))
}

/// What a test or scan begins with: the workspace with parameters held, and its data.
pub(crate) fn open_test(
    global: &Global,
    request: &DeviceRequest,
    arguments: &TestArguments,
) -> Result<(Loaded, Session, Data), Failure> {
    let (loaded, session) = load::open_held(request, global, &arguments.workspace, &arguments.fix)?;
    let data = input::data(arguments.data.as_deref(), &loaded.model)?;
    Ok((loaded, session, data))
}

/// The data to be fitted.
pub(crate) fn data(
    arguments: &DataArguments,
    loaded: &Loaded,
    session: &Session,
) -> Result<Data, Failure> {
    if arguments.asimov {
        fit::asimov(loaded, session, arguments.mu)
    } else {
        input::data(arguments.data.as_deref(), &loaded.model)
    }
}

/// How they are fitted.
pub(crate) fn options(arguments: &StatementArguments) -> FitOptions {
    FitOptions { fix: arguments.fix.clone(), tolerance: arguments.tolerance.get() }
}

/// `mu = 1.20 +- 0.31`.
pub(crate) fn with_uncertainty(name: &str, value: f64, uncertainty: Option<f64>) -> String {
    let name = display_name(name);
    match uncertainty {
        Some(u) => format!("{name} = {} +- {}", to_precision(value, u), to_precision(u, u)),
        None => format!("{name} = {}, no uncertainty", to_precision(value, 0.0)),
    }
}

/// A status in words.
pub(crate) fn words(status: Status) -> String {
    status.as_str().replace('_', " ")
}
