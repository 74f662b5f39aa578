// Words that say nothing of what a text is about, one language after the other, in the order of
// their characters. Data: nothing to read here.

extension StopWords {
    static let european: [String: String] = [
        "basque": """
        al alta anitz arabera argi asko ba bai baina bat batean batek bati batzuei \
        batzuek batzuetan batzuk bazen bera beraiek berau berauek bere berori beroriek \
        beste bezala bien da dago dela den dira ditu du dute edo egin era ere eta eurak \
        ez ezen ezer gu gutxi guzti haiei haiek haietan hainbeste hala han handik hango \
        hara hari hark hartan hau hauei hauek hauetan hemen hemendik hemengo hi hona \
        honek honela honetan honi hor hori horiei horiek horietan horko horrek horrela \
        horretan horri hortik hura izan medio ni noiz nola non nondik nongo nor nora on \
        ze zein zen zenbait zenbat zer zergatik ziren zituen zu zuek zuen zuten
        """,
        "finnish": """
        ei eivät emme en et ette että he heidän heidät heihin heille heillä heiltä \
        heissä heistä heitä hän häneen hänelle hänellä häneltä hänen hänessä hänestä \
        hänet häntä itse ja johon joiden joihin joiksi joilla joille joilta joina joissa \
        joista joita joka joksi jolla jolle jolta jona jonka jos jossa josta jota jotka \
        kanssa keiden keihin keiksi keille keillä keiltä keinä keissä keistä keitä \
        keneen keneksi kenelle kenellä keneltä kenen kenenä kenessä kenestä kenet ketkä \
        ketä koska kuin kuka kun me meidän meidät meihin meille meillä meiltä meissä \
        meistä meitä mihin miksi mikä mille millä miltä minkä minua minulla minulle \
        minulta minun minussa minusta minut minuun minä missä mistä mitkä mitä mukaan \
        mutta ne niiden niihin niiksi niille niillä niiltä niin niinä niissä niistä \
        niitä noiden noihin noiksi noilla noille noilta noin noina noissa noista noita \
        nuo nyt näiden näihin näiksi näille näillä näiltä näinä näissä näistä näitä nämä \
        ole olemme olen olet olette oli olimme olin olisi olisimme olisin olisit \
        olisitte olisivat olit olitte olivat olla olleet ollut on ovat poikki se sekä \
        sen siihen siinä siitä siksi sille sillä siltä sinua sinulla sinulle sinulta \
        sinun sinussa sinusta sinut sinuun sinä sitä tai tallä te teidän teidät teihin \
        teille teillä teiltä teissä teistä teitä tuo tuohon tuoksi tuolla tuolle tuolta \
        tuon tuona tuossa tuosta tuotä tähän täksi tälle tältä tämä tämän tänä tässä \
        tästä tätä vaan vai vaikka yli
        """,
        "greek": """
        αλλα αν αντι απο αυτα αυτεσ αυτη αυτο αυτοι αυτοσ αυτουσ αυτων αἱ αἳ αἵ αὐτόσ \
        αὐτὸς αὖ γάρ γα γα^ γε για γοῦν γὰρ δ' δέ δή δαί δαίσ δαὶ δαὶς δε δεν δι' διά \
        διὰ δὲ δὴ δ’ εαν ειμαι ειμαστε ειναι εισαι ειστε εκεινα εκεινεσ εκεινη εκεινο \
        εκεινοι εκεινοσ εκεινουσ εκεινων ενω επ επι εἰ εἰμί εἰμὶ εἰς εἰσ εἴ εἴμι εἴτε η \
        θα ισωσ κ καί καίτοι καθ και κατ κατά κατα κατὰ καὶ κι κἀν κἂν μέν μή μήτε μα με \
        μεθ μετ μετά μετα μετὰ μη μην μἐν μὲν μὴ μὴν να ο οι ομωσ οπωσ οσο οτι οἱ οἳ οἷς \
        οὐ οὐδ οὐδέ οὐδείσ οὐδεὶς οὐδὲ οὐδὲν οὐκ οὐχ οὐχὶ οὓς οὔτε οὕτω οὕτως οὕτωσ οὖν \
        οὗ οὗτος οὗτοσ παρ παρά παρα παρὰ περί περὶ ποια ποιεσ ποιο ποιοι ποιοσ ποιουσ \
        ποιων ποτε που ποῦ προ προσ πρόσ πρὸ πρὸς πως πωσ σε στη στην στο στον σόσ σύ \
        σύν σὸς σὺ σὺν τά τήν τί τίς τίσ τα ταῖς τε την τησ τι τινα τις τισ το τοί τοι \
        τοιοῦτος τοιοῦτοσ τον τοτε του τούσ τοὺς τοῖς τοῦ των τό τόν τότε τὰ τὰς τὴν τὸ \
        τὸν τῆς τῆσ τῇ τῶν τῷ ωσ ἀλλ' ἀλλά ἀλλὰ ἀλλ’ ἀπ ἀπό ἀπὸ ἀφ ἂν ἃ ἄλλος ἄλλοσ ἄν \
        ἄρα ἅμα ἐάν ἐγώ ἐγὼ ἐκ ἐμόσ ἐμὸς ἐν ἐξ ἐπί ἐπεὶ ἐπὶ ἐστι ἐφ ἐὰν ἑαυτοῦ ἔτι ἡ ἢ ἣ \
        ἤ ἥ ἧς ἵνα ὁ ὃ ὃν ὃς ὅ ὅδε ὅθεν ὅπερ ὅς ὅσ ὅστις ὅστισ ὅτε ὅτι ὑμόσ ὑπ ὑπέρ ὑπό \
        ὑπὲρ ὑπὸ ὡς ὡσ ὥς ὥστε ὦ ᾧ
        """,
        "hungarian": """
        a abban ahhoz ahogy ahol aki akik akkor alatt amely amelyek amelyekben amelyeket \
        amelyet amelynek ami amikor amit amolyan amíg annak arra arról az azok azon \
        azonban azt aztán azután azzal azért be belül benne bár cikk cikkek cikkeket \
        csak de e ebben eddig egy egyes egyetlen egyik egyre egyéb egész ehhez ekkor el \
        ellen elsõ elég elõ elõször elõtt emilyen ennek erre ez ezek ezen ezt ezzel \
        ezért fel felé hanem hiszen hogy hogyan igen ill ill. illetve ilyen ilyenkor \
        ismét ison itt jobban jó jól kell kellett keressünk keresztül ki kívül között \
        közül legalább legyen lehet lehetett lenne lenni lesz lett maga magát majd meg \
        mellett mely melyek mert mi mikor milyen minden mindenki mindent mindig mint \
        mintha mit mivel miért most már más másik még míg nagy nagyobb nagyon ne nekem \
        neki nem nincs néha néhány nélkül olyan ott pedig persze rá s saját sem semmi \
        sok sokat sokkal szemben szerint szinte számára talán tehát teljes tovább \
        továbbá több ugyanis utolsó után utána vagy vagyis vagyok valaki valami valamint \
        való van vannak vele vissza viszont volna volt voltak voltam voltunk által \
        általában át én éppen és így õ õk õket össze úgy új újabb újra
        """,
        "russian": """
        а без более больше будет будто бы был была были было быть в вам вас вдруг ведь \
        во вот впрочем все всегда всего всех всю вы где да даже два для до другой его ее \
        ей ему если есть еще ж же за зачем здесь и из или им иногда их к как какая какой \
        когда конечно кто куда ли лучше между меня мне много может можно мой моя мы на \
        над надо наконец нас не него нее ней нельзя нет ни нибудь никогда ним них ничего \
        но ну о об один он она они опять от перед по под после потом потому почти при \
        про раз разве с сам свою себе себя сейчас со совсем так такой там тебя тем \
        теперь то тогда того тоже только том тот три тут ты у уж уже хорошо хоть чего \
        чем через что чтоб чтобы чуть эти этого этой этом этот эту я
        """,
        "turkish": """
        acaba ama aslında az bazı belki biri birkaç birşey biz bu da daha de defa diye \
        en eğer gibi hem hep hepsi her hiç ile ise için kez ki kim mu mü mı nasıl ne \
        neden nerde nerede nereye niye niçin o sanki siz tüm ve veya ya yani çok çünkü \
        şey şu
        """,
    ]
}
