/// Character references of HTML.
enum HTMLEntity {
    /// What "amp", "#233" or "#xe9" stands for; nil for what is none, or none that we know.
    static func text(of name: String) -> String? {
        guard name.hasPrefix("#") else { return named[name] }
        let digits = name.dropFirst()
        let number =
            digits.first == "x" || digits.first == "X"
            ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        guard let number, number != 0, let scalar = Unicode.Scalar(number) else { return nil }
        return String(Character(scalar))
    }

    /// Those of Latin-1, and what typography and mathematics use most.
    private static let named: [String: String] = {
        let latin =
            "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg "
            + "plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 "
            + "iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml "
            + "Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash "
            + "Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring "
            + "aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve "
            + "oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml"
        var named = [
            "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "OElig": "Œ",
            "oelig": "œ", "Scaron": "Š", "scaron": "š", "Yuml": "Ÿ", "fnof": "ƒ", "circ": "ˆ",
            "tilde": "˜", "ensp": "\u{2002}", "emsp": "\u{2003}", "thinsp": "\u{2009}",
            "zwnj": "\u{200c}", "zwj": "\u{200d}", "ndash": "–", "mdash": "—", "lsquo": "‘",
            "rsquo": "’", "sbquo": "‚", "ldquo": "“", "rdquo": "”", "bdquo": "„", "dagger": "†",
            "Dagger": "‡", "bull": "•", "hellip": "…", "permil": "‰", "prime": "′", "Prime": "″",
            "lsaquo": "‹", "rsaquo": "›", "euro": "€", "trade": "™", "larr": "←", "uarr": "↑",
            "rarr": "→", "darr": "↓", "harr": "↔", "rArr": "⇒", "hArr": "⇔", "forall": "∀",
            "part": "∂", "exist": "∃", "empty": "∅", "nabla": "∇", "isin": "∈", "prod": "∏",
            "sum": "∑", "minus": "−", "radic": "√", "infin": "∞", "cap": "∩", "cup": "∪",
            "int": "∫", "asymp": "≈", "ne": "≠", "equiv": "≡", "le": "≤", "ge": "≥", "sub": "⊂",
            "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "lambda": "λ",
            "mu": "μ", "pi": "π", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω",
            "Delta": "Δ", "Sigma": "Σ", "Omega": "Ω", "lsqb": "[", "rsqb": "]", "lbrace": "{",
            "rbrace": "}", "num": "#", "percnt": "%", "ast": "*", "plus": "+", "comma": ",",
            "period": ".", "colon": ":", "semi": ";", "equals": "=", "quest": "?", "commat": "@",
            "lowbar": "_", "grave": "`", "vert": "|", "Tab": "\t", "NewLine": "\n",
        ]
        for (index, name) in latin.split(separator: " ").enumerated() {
            guard let scalar = Unicode.Scalar(0xa0 + UInt32(index)) else { continue }
            named[String(name)] = String(Character(scalar))
        }
        return named
    }()
}
