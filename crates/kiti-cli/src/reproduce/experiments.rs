//! What each experiment compares in each profile.

use kiti_models::recipe::Recipe;
use kiti_nn::residual::Variant;

use crate::failure::{Failure, Outcome};
use crate::recipe_choice;

/// An experiment: a recipe, and what to compare on it.
#[derive(Debug, Clone, Copy)]
pub struct Experiment {
    /// Name, and name of its recipe.
    pub name: &'static str,
    /// Its profiles, shortest first.
    pub profiles: &'static [Profile],
}

/// How far an experiment goes.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Name, and name of the recipe's profile.
    pub name: &'static str,
    /// Residuals compared.
    pub variants: &'static [Variant],
    /// Seeds of each.
    pub seeds: u32,
}

/// Every experiment.
pub const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "heat",
        profiles: &[SMOKE, QUICK, TRIAL_PROFILE, paper(3)],
    },
    Experiment {
        name: "burgers",
        profiles: PARTIAL_DIFFERENTIAL_EQUATION,
    },
    Experiment {
        name: "navier-stokes",
        profiles: PARTIAL_DIFFERENTIAL_EQUATION,
    },
    Experiment {
        name: "darcy",
        profiles: PARTIAL_DIFFERENTIAL_EQUATION,
    },
    Experiment {
        name: "burgers-oformer",
        profiles: PARTIAL_DIFFERENTIAL_EQUATION,
    },
    Experiment {
        name: "navier-stokes-oformer",
        profiles: PARTIAL_DIFFERENTIAL_EQUATION,
    },
    Experiment {
        name: "darcy-oformer",
        profiles: PARTIAL_DIFFERENTIAL_EQUATION,
    },
    Experiment {
        name: "cifar10",
        profiles: &[SMOKE, QUICK, TRIAL_PROFILE, paper(3)],
    },
    Experiment {
        name: "cifar100",
        profiles: &[SMOKE, QUICK, TRIAL_PROFILE, paper(3)],
    },
    Experiment {
        name: "imdb",
        profiles: TEXT,
    },
    Experiment {
        name: "snli",
        profiles: TEXT,
    },
    Experiment {
        name: "language",
        profiles: TEXT,
    },
];

const PARTIAL_DIFFERENTIAL_EQUATION: &[Profile] = &[SMOKE, QUICK, paper(5)];

/// Their networks have dropout of their own, so the quick profile leaves out the one around their branches.
const TEXT: &[Profile] = &[
    SMOKE,
    Profile {
        name: "quick",
        variants: &[
            Variant::Additive,
            Variant::PublishedFree,
            Variant::Reflection,
        ],
        seeds: 3,
    },
    paper(5),
];

/// Every residual for a few steps.
const SMOKE: Profile = Profile {
    name: "smoke",
    variants: Variant::ALL,
    seeds: 1,
};

/// Minutes on two cores.
const QUICK: Profile = Profile {
    name: "quick",
    variants: CLAIM,
    seeds: 3,
};

const TRIAL_PROFILE: Profile = Profile {
    name: "trial",
    variants: TRIAL,
    seeds: 3,
};

/// The published settings.
const fn paper(seeds: u32) -> Profile {
    Profile {
        name: "paper",
        variants: CLAIM,
        seeds,
    }
}

const CLAIM: &[Variant] = &[
    Variant::Additive,
    Variant::PublishedFree,
    Variant::Reflection,
    Variant::Dropout,
];

const TRIAL: &[Variant] = &[
    Variant::Additive,
    Variant::PublishedFree,
    Variant::Reflection,
    Variant::Elastic,
    Variant::Grazing,
    Variant::PublishedFreeAnnealed,
    Variant::ReflectionAnnealed,
    Variant::ElasticAnnealed,
    Variant::GrazingAnnealed,
];

impl Experiment {
    /// The experiment called `name`.
    pub fn find(name: &str) -> Outcome<&'static Self> {
        EXPERIMENTS
            .iter()
            .find(|experiment| experiment.name == name)
            .ok_or_else(|| {
                let known: Vec<&str> = EXPERIMENTS
                    .iter()
                    .map(|experiment| experiment.name)
                    .collect();
                Failure::refused(format!(
                    "experiment `{name}`: expected one of {}; `kiti reproduce --list` tells more",
                    known.join(", ")
                ))
            })
    }

    /// Its profile called `name`.
    pub fn profile(&self, name: &str) -> Outcome<&'static Profile> {
        self.profiles
            .iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| {
                let known: Vec<&str> = self.profiles.iter().map(|profile| profile.name).collect();
                Failure::refused(format!(
                    "experiment {}: no profile `{name}`; it has: {}",
                    self.name,
                    known.join(", ")
                ))
            })
    }

    /// The line that says what it is about.
    pub fn title(&self) -> Outcome<String> {
        Ok(Recipe::load(self.name, None, &[])?.title)
    }
}

/// The variants called `names`; all of them for `all`, those of `profile` for none. Each is listed once.
pub fn chosen_variants(names: &[String], profile: &Profile) -> Outcome<Vec<Variant>> {
    let mut variants = Vec::new();
    for name in names
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty())
    {
        match name {
            "all" => variants.extend_from_slice(Variant::ALL),
            name => variants.push(recipe_choice::variant(name)?),
        }
    }
    if variants.is_empty() {
        variants.extend_from_slice(profile.variants);
    }
    let mut seen = Vec::new();
    variants.retain(|variant| {
        let new = !seen.contains(variant);
        seen.push(*variant);
        new
    });
    Ok(variants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_one_of_its_recipe_and_has_the_baseline() {
        for experiment in EXPERIMENTS {
            let known = Recipe::profiles(experiment.name).expect("a built-in recipe");
            for profile in experiment.profiles {
                assert!(
                    known.iter().any(|name| name == profile.name),
                    "{}",
                    profile.name
                );
                assert_eq!(profile.variants.first(), Some(&Variant::Additive));
            }
        }
    }

    #[test]
    fn variants_are_chosen_by_name_once_each() {
        let quick = Experiment::find("heat")
            .and_then(|heat| heat.profile("quick"))
            .expect("known");
        let names = |list: &[&str]| {
            list.iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(chosen_variants(&[], quick).expect("fits"), quick.variants);
        assert_eq!(
            chosen_variants(&names(&["all", "additive"]), quick).expect("fits"),
            Variant::ALL
        );
        assert_eq!(
            chosen_variants(&names(&["dropout", "additive"]), quick).expect("fits"),
            [Variant::Dropout, Variant::Additive]
        );
        let refused = chosen_variants(&names(&["reflecton"]), quick).expect_err("a typing error");
        assert!(refused.to_string().contains("reflection"), "{refused}");
        assert_eq!(refused.exit_code(), 2);
    }
}
