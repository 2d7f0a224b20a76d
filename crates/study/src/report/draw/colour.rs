//! Colours that people with any colour vision tell apart: Okabe & Ito (2008) for kinds, viridis for amounts.

/// A colour in light surroundings and the class by which a style sheet changes it in dark ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// `#rrggbb` in light surroundings.
    pub light: &'static str,
    /// Its class.
    pub class: &'static str,
}

/// Text and strong lines.
pub const INK: Paint = Paint {
    light: "#1b1f24",
    class: "ink",
};
/// Axes, secondary text.
pub const SOFT: Paint = Paint {
    light: "#59636e",
    class: "soft",
};
/// Grid lines.
pub const GRID: Paint = Paint {
    light: "#e4e7eb",
    class: "grid",
};
/// Chance levels.
pub const CHANCE: Paint = Paint {
    light: "#1b1f24",
    class: "ink",
};
/// The surroundings, for outlines that set marks apart.
pub const PAPER: Paint = Paint {
    light: "#ffffff",
    class: "paper",
};

/// Okabe–Ito colours in a fixed order: blue, orange, vermilion, bluish green, reddish purple, sky blue, yellow.
pub const KINDS: [Paint; 7] = [
    Paint {
        light: "#0072b2",
        class: "k0",
    },
    Paint {
        light: "#e69f00",
        class: "k1",
    },
    Paint {
        light: "#d55e00",
        class: "k2",
    },
    Paint {
        light: "#009e73",
        class: "k3",
    },
    Paint {
        light: "#cc79a7",
        class: "k4",
    },
    Paint {
        light: "#56b4e9",
        class: "k5",
    },
    Paint {
        light: "#b3a600",
        class: "k6",
    },
];

/// What dark surroundings change, as CSS declarations for `class`: for strokes and fills.
const DARK: [(&str, &str); 7] = [
    ("ink", "#e8eaed"),
    ("soft", "#9da7b1"),
    ("grid", "#30363d"),
    ("paper", "#14171c"),
    ("k0", "#4aa3df"),
    ("k2", "#f2803a"),
    ("k6", "#f0e442"),
];

/// The style sheet of a figure: `.x-fill` and `.x-line` in dark surroundings. `@media print` keeps the light colours.
pub fn style() -> String {
    let mut rules = String::new();
    for (class, colour) in DARK {
        rules.push_str(&format!(
            ".{class}-fill{{fill:{colour}}}.{class}-line{{stroke:{colour}}}"
        ));
    }
    format!("@media screen and (prefers-color-scheme:dark){{{rules}}}")
}

/// Anchors of viridis (van der Walt & Smith 2015) at 0, 1/8, … 1.
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 44.0, 122.0],
    [59.0, 81.0, 139.0],
    [44.0, 113.0, 142.0],
    [33.0, 144.0, 141.0],
    [39.0, 173.0, 129.0],
    [92.0, 200.0, 99.0],
    [170.0, 220.0, 50.0],
    [253.0, 231.0, 37.0],
];

/// Viridis at `t`, held to 0..=1, as red, green and blue from 0 to 255.
fn viridis_rgb(t: f64) -> [f64; 3] {
    let at = t.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let low = (at.floor() as usize).min(VIRIDIS.len() - 2);
    let part = at - low as f64;
    std::array::from_fn(|i| VIRIDIS[low][i] + part * (VIRIDIS[low + 1][i] - VIRIDIS[low][i]))
}

/// Viridis at `t`, held to 0..=1, as `#rrggbb`.
pub fn viridis(t: f64) -> String {
    let [red, green, blue] = viridis_rgb(t).map(|part| part.round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Black or white, whichever reads better on viridis at `t` (relative luminance, WCAG 2.1).
pub fn ink_on_viridis(t: f64) -> &'static str {
    let linear = |part: f64| {
        let part = part / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            libm::pow((part + 0.055) / 1.055, 2.4)
        }
    };
    let [red, green, blue] = viridis_rgb(t).map(linear);
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    // Contrast with white (1.05 / (L + 0.05)) against contrast with black ((L + 0.05) / 0.05).
    if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 {
        "#ffffff"
    } else {
        "#000000"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viridis_meets_its_anchors() {
        assert_eq!(
            [viridis(0.0), viridis(0.5), viridis(1.0), viridis(7.0)],
            ["#440154", "#21908d", "#fde725", "#fde725"]
        );
        assert_eq!(
            [ink_on_viridis(0.0), ink_on_viridis(1.0)],
            ["#ffffff", "#000000"]
        );
    }
}
