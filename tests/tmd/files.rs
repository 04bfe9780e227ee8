//! Files as programs of the field write them: good ones, and what is said of bad ones.

use std::path::{Path, PathBuf};

use neyman::tmd::Rule;
use neyman::tmd::files::{Config, Fnp, Inputs, Kinematics};
use neyman::tmd::fit::Role;
use neyman::tmd::sidis::Zeta;

use crate::directory;

fn fixtures() -> Option<PathBuf> {
    Some(directory()?.join("fixtures"))
}

fn inputs(folder: &Path) -> Inputs {
    let [config, kinematics, fnp] =
        ["config.yaml", "kinematics.yaml", "fNPconfig.yaml"].map(|name| folder.join(name));
    Inputs::read(&config, &kinematics, &fnp).expect("good files")
}

#[test]
fn good_files() {
    let Some(folder) = fixtures() else { return };
    let inputs = inputs(&folder);
    assert_eq!((inputs.config.cut, inputs.config.grid), (Some(0.3), (1e-2, 2.0, 256)));
    assert_eq!(inputs.config.rule, Rule::SinhGaussLegendre { nodes: 64 });
    assert_eq!((inputs.kinematics.vs, inputs.kinematics.points.len()), (7.2565449, 7));
    assert_eq!((inputs.fnp.zeta, inputs.parameters().len()), (Zeta::Constant(1.0), 12));
    assert!(inputs.parameters().iter().all(|p| p.role == Role::FREE));
    assert_eq!(inputs.sidis(usize::MAX).expect("points").points.len(), 1);
    let warnings = inputs.warnings().expect("warnings").join("\n");
    for says in [
        "zeta=1: g2 not identifiable",
        "1 of 7 points pass qT/Q < 0.3",
        "bgrid.b_max=2 misses 41 % of point 0",
        "without effect: PerturbativeOrder, pdfset, ffset, TMDscales",
    ] {
        assert!(warnings.contains(says), "{says}\n{warnings}");
    }
}

#[test]
fn bad_files() {
    let Some(folder) = fixtures() else { return };
    let bad = folder.join("bad");
    let refused = |name: &str, says: &[&str]| {
        let path = bad.join(name);
        let error = match &name[..3] {
            "kin" => Kinematics::read(&path).map(drop),
            "fnp" => Fnp::read(&path).map(drop),
            _ => Config::read(&path).map(drop),
        };
        let error = error.err().unwrap_or_else(|| panic!("{name} was read")).to_string();
        for says in says {
            assert!(error.contains(says), "{name}: {error}");
        }
    };
    refused("kin_length_mismatch.yaml", &["/data/x", "data.x has 8 values, data.PhT has 7"]);
    refused("kin_missing_vs.yaml", &["/header", "\"Vs\" is missing"]);
    refused("kin_missing_z.yaml", &["/data", "\"z\" is missing"]);
    refused("kin_x_out_of_range.yaml", &["/data/x/0", "x = 1.2 at point 0 is outside (0, 1)"]);
    refused("kin_z_zero.yaml", &["/data/z/0", "z = 0 at point 0 is outside (0, 1)"]);
    refused("kin_q2_negative.yaml", &["/data/Q2/0", "Q2 = -1 at point 0"]);
    // not even read as a number
    refused("kin_pht_nan.yaml", &["line 9", "no finite number"]);
    refused("kin_not_a_mapping.yaml", &["expected an object, found an array"]);
    refused("kin_empty.yaml", &["the file is empty"]);
    refused("kin_scalar_string.yaml", &["/data/PhT/0", "expected a number"]);
    refused("fnp_wrong_count.yaml", &["flavor u: map22_pdf needs 11 parameters, got 10"]);
    refused("fnp_mask_length.yaml", &["flavor u: free_mask has 2 entries, init_params 11"]);
    refused("fnp_unknown_flavor.yaml", &["/flavors/q", "no flavour \"q\""]);
    refused("fnp_no_evolution.yaml", &["\"evolution\" is missing"]);
    refused("fnp_zeta_zero.yaml", &["/zeta", "needs it above 0"]);
    refused("cfg_bgrid_reversed.yaml", &["/bgrid/b_max", "above b_min"]);
    refused("cfg_nb_one.yaml", &["/bgrid/Nb", "from 2 to 4096"]);
    refused("cfg_bmin_zero.yaml", &["/bgrid/b_min", "begins above 0"]);
    refused("cfg_unknown_key.yaml", &["bgird", "bgrid"]);
    // what is odd and no error
    let odd = Kinematics::read(bad.join("kin_y_above_one.yaml")).expect("read");
    assert!(odd.warnings[0].contains("point 0: y = Q2 / (x Vs^2) = 170.9"), "{:?}", odd.warnings);
    let flat = Fnp::read(bad.join("fnp_zeta_one_free_g2.yaml")).expect("read");
    assert_eq!(flat.zeta, Zeta::Constant(1.0));
    let mut cut = inputs(&folder);
    cut.kinematics = Kinematics::read(bad.join("kin_all_cut.yaml")).expect("read");
    let error = cut.sidis(20).expect_err("nothing is left").to_string();
    assert!(error.contains("no points left"), "{error}");
    let listed: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bad.join("expected.json")).expect("a list"))
            .expect("JSON");
    assert_eq!(listed.as_object().expect("an object").len(), 22);
}
