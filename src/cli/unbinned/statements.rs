//! Scans, tests, limits and rankings: the documents and tables of binned models.

use std::sync::atomic::AtomicBool;

use neyman::accelerator::DeviceInfo;
use neyman::infer::TestStatistic;
use neyman::session::{
    FitOptions, Hypothesis, ImpactOptions, TestOptions, ToyDiscovery, ToyHypotest, ToyTest,
    UnbinnedSession,
};
use neyman::unbinned::spec::Loaded;
use serde_json::Value;

use crate::cli::arguments::Global;
use crate::cli::arguments::unbinned::{
    Discovery, Hypotest, Interval, Limit, Minos, Ranking, Scan, Statement,
};
use crate::cli::document::{OutputArguments, Source};
use crate::cli::failure::Failure;
use crate::cli::test_toys::{self, Bar};
use crate::cli::{
    Exit, Outcome, cls, discovery as found, impacts, interrupt, interval as intervals,
    limit as limits, minos as errors, output, scan as profiles,
};

/// A specification with what it says, and its model with what the command line says of it.
pub(super) struct Open<'a> {
    arguments: &'a Statement,
    loaded: Loaded,
    pub(super) session: UnbinnedSession,
    device: DeviceInfo,
}

impl<'a> Open<'a> {
    pub(super) fn new(global: &Global, arguments: &'a Statement) -> Result<Self, Failure> {
        let file = &arguments.specification;
        let mut loaded = super::load(global, file)?;
        let told = |error| Failure::in_file(file, error);
        if let Some(name) = &arguments.poi {
            loaded.poi = Some(loaded.model.parameter_index(name).map_err(told)?);
        }
        let device = super::on_device(global, file, &mut loaded)?;
        let mut session = UnbinnedSession::new(loaded.model.clone(), loaded.poi)?;
        for (name, value) in &arguments.fix {
            session = session.with_fixed(name, *value).map_err(told)?;
        }
        Ok(Self { arguments, loaded, session, device })
    }

    /// An error with the file's name.
    pub(super) fn told(&self, error: neyman::Error) -> Failure {
        Failure::in_file(&self.arguments.specification, error)
    }

    fn source(&self) -> Source {
        Source::of_events(&self.loaded, &self.arguments.specification, &self.device)
    }

    fn write(
        &self,
        kind: &str,
        body: Value,
        to: &OutputArguments,
        text: &str,
    ) -> Result<(), Failure> {
        self.source().document(kind, body).write(to, None, text)
    }
}

pub(super) fn scan(global: &Global, arguments: &Scan) -> Outcome {
    let open = Open::new(global, &arguments.statement)?;
    let options = arguments.scanned.options(arguments.ends.tolerance());
    let (session, to) = (&open.session, &arguments.ends.output);
    match &arguments.scanned.parameter[..] {
        [(a, x), (b, y)] => {
            let scan = session.scan2d([a, b], &x.0, &y.0, &options).map_err(|e| open.told(e))?;
            let text = profiles::text_of_two(&scan);
            open.write("scan2d", profiles::body_of_two(&scan), to, &text)?;
            Ok(Exit::of(scan.status))
        }
        [] | [_] => {
            let scan =
                session.scan(arguments.scanned.values(), &options).map_err(|e| open.told(e))?;
            open.write("scan", profiles::body(&scan), to, &profiles::text(&scan))?;
            Ok(Exit::of(scan.status))
        }
        more => Err(Failure::usage(format!("--parameter {} times: two at most", more.len()))),
    }
}

pub(super) fn minos(global: &Global, arguments: &Minos) -> Outcome {
    let open = Open::new(global, &arguments.statement)?;
    let found = open.session.minos(&arguments.parameter, arguments.ends.tolerance());
    let (fit, all) = found.map_err(|e| open.told(e))?;
    let status = errors::worst(&fit, &all);
    let text = errors::text(&all, status);
    open.write("minos", errors::body(&all, status), &arguments.ends.output, &text)?;
    Ok(Exit::of(status))
}

pub(super) fn hypotest(global: &Global, arguments: &Hypotest) -> Outcome {
    let open = Open::new(global, &arguments.statement)?;
    let (statistic, tolerance) = (arguments.test_statistic, arguments.ends.tolerance());
    let to = &arguments.ends.output;
    if let Some(n) = arguments.toys.toys {
        let test =
            ToyTest { mu: arguments.mu, ..arguments.toys.test(statistic, tolerance, Some(n)) };
        let found = by_toys(global, &open, &test)?;
        let (body, text) = (cls::toys::body(&found), cls::toys::text(&found));
        return write_toys(&open, ("cls", body), to, &text, &found);
    }
    let options = TestOptions { poi: None, statistic, tolerance };
    let test = open.session.hypotest(arguments.mu, &options).map_err(|e| open.told(e))?;
    open.write("cls", cls::body(&test), to, &cls::text(&test))?;
    Ok(Exit::of(test.status))
}

pub(super) fn discovery(global: &Global, arguments: &Discovery) -> Outcome {
    let open = Open::new(global, &arguments.statement)?;
    let (to, tolerance) = (&arguments.ends.output, arguments.ends.tolerance());
    if let Some(n) = arguments.toys.toys {
        let test = arguments.toys.test(TestStatistic::Q0, tolerance, Some(n));
        let found = ToyDiscovery::from(by_toys(global, &open, &test)?);
        let (body, text) = (found::toys::body(&found), found::toys::text(&found));
        return write_toys(&open, ("discovery", body), to, &text, &found.test);
    }
    let options = TestOptions { tolerance, ..TestOptions::default() };
    let test = open.session.discovery(&options).map_err(|e| open.told(e))?;
    open.write("discovery", found::body(&test), to, &found::text(&test))?;
    Ok(Exit::of(test.status))
}

/// Throws the toys of a test.
fn by_toys(global: &Global, open: &Open<'_>, test: &ToyTest) -> Result<ToyHypotest, Failure> {
    let stop = interrupt::install()?;
    let mut bar = Bar::new(global);
    let each = Hypothesis::BOTH.len() as u64 * (test.range.end - test.range.start);
    let stop: &AtomicBool = &stop;
    let found = open.session.hypotest_toys(test, stop, &mut |_, n| bar.heard(0, n, each));
    bar.clear();
    let found = found.map_err(|e| open.told(e))?;
    if !found.complete {
        output::note("interrupted: what is told stands on fewer toys");
    }
    Ok(found)
}

fn write_toys(
    open: &Open<'_>,
    (kind, body): (&str, Value),
    to: &OutputArguments,
    text: &str,
    found: &ToyHypotest,
) -> Outcome {
    let document = open.source().with_seed(found.tested.seed).document(kind, body);
    document.write(to, test_toys::distributions(to, found), text)?;
    Ok(test_toys::exit(found))
}

pub(super) fn limit(global: &Global, arguments: &Limit) -> Outcome {
    let open = Open::new(global, &arguments.statement)?;
    let tolerance = arguments.ends.tolerance();
    let options = arguments.sought.options(tolerance);
    if let Some(test) = arguments.sought.by_toys(tolerance) {
        let (stop, mut bar) = (interrupt::install()?, Bar::new(global));
        let found = open.session.limit_toys(&test, &options, &stop, &mut |left, _, toys| {
            bar.heard(left, toys, 2 * (test.range.end - test.range.start));
        });
        bar.clear();
        let found = found.map_err(|e| open.told(e))?;
        let document =
            open.source().with_seed(test.seed).document("limit", limits::toys::body(&found));
        document.write(&arguments.ends.output, None, &limits::toys::text(&found))?;
        return Ok(limits::toys::exit(&found));
    }
    let limit = open.session.limit(&options).map_err(|e| open.told(e))?;
    open.write("limit", limits::body(&limit), &arguments.ends.output, &limits::text(&limit))?;
    Ok(Exit::of(limit.status))
}

pub(super) fn interval(global: &Global, arguments: &Interval) -> Outcome {
    let open = Open::new(global, &arguments.statement)?;
    let test = arguments.sought.test(arguments.ends.tolerance());
    let options = arguments.sought.options();
    let (stop, mut bar) = (interrupt::install()?, Bar::new(global));
    let found = open.session.feldman_cousins(&test, &options, &stop, &mut |left, toys| {
        bar.heard(left, toys, test.range.end);
    });
    bar.clear();
    let found = found.map_err(|e| open.told(e))?;
    let document = open.source().with_seed(test.seed).document("interval", intervals::body(&found));
    document.write(&arguments.ends.output, None, &intervals::text(&found))?;
    Ok(intervals::exit(&found))
}

pub(super) fn ranking(global: &Global, arguments: &Ranking) -> Outcome {
    let open = Open::new(global, &arguments.statement)?;
    let options = ImpactOptions {
        poi: None,
        parameters: arguments.parameter.clone(),
        groups: arguments.group.clone(),
        global: false,
        fit: FitOptions { fix: Vec::new(), tolerance: arguments.tolerance.get() },
    };
    let impacts = open.session.ranking(&options).map_err(|e| open.told(e))?;
    let names: Vec<&str> =
        open.session.model().parameters().iter().map(|p| p.name.as_str()).collect();
    let report = impacts::Report { names: &names, impacts: &impacts };
    open.write("impacts", report.json(), &arguments.output, &report.text(arguments.top))?;
    Ok(Exit::of(impacts.status()))
}
