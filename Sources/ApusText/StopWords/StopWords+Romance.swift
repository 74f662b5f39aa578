// Words that say nothing of what a text is about, one language after the other, in the order of
// their characters. Data: nothing to read here.

extension StopWords {
    static let romance: [String: String] = [
        "catalan": """
        a abans ací ah així això al aleshores algun alguna algunes alguns alhora allà \
        allí allò als altra altre altres amb ambdues ambdós anar ans apa aquell aquella \
        aquelles aquells aquest aquesta aquestes aquests aquí baix bastant bé cada \
        cadascuna cadascunes cadascuns cadascú com consegueixo conseguim conseguir \
        consigueix consigueixen consigueixes contra d d'un d'una d'unes d'uns dalt de \
        del dels des després dins dintre donat doncs durant e eh el elles ells els em en \
        encara ens entre era erem eren eres es esta estan estat estava estaven estem \
        esteu estic està estàvem estàveu et etc ets fa faig fan fas fem fer feu fi fins \
        fora gairebé ha han has haver havia he hem heu hi ho i igual iguals inclòs ja jo \
        l'hi la les li li'n llarg llavors m'he ma mal malgrat mateix mateixa mateixes \
        mateixos me mentre meu meus meva meves mode molt molta moltes molts mon mons més \
        n'he n'hi ne ni no nogensmenys només nosaltres nostra nostre nostres o oh oi on \
        pas pel pels per perquè però poc poca pocs podem poden poder podeu poques potser \
        primer propi puc qual quals quan quant que quelcom qui quin quina quines quins \
        què s'ha s'han sa sabem saben saber sabeu sap saps semblant semblants sense ser \
        ses seu seus seva seves si sobre sobretot soc solament sols som son sons sota \
        sou sóc són t'ha t'han t'he ta tal també tampoc tan tant tanta tantes te tene \
        tenim tenir teniu teu teus teva teves tinc ton tons tot tota totes tots un una \
        unes uns us va vaig vam van vas veu vosaltres vostra vostre vostres érem éreu és \
        éssent últim ús
        """,
        "french": """
        ai aie aient aies ait as au aura aurai auraient aurais aurait auras aurez auriez \
        aurions aurons auront aux avaient avais avait avec avez aviez avions avons ayant \
        ayante ayantes ayants ayez ayons c ce ces d dans de des du elle en es est et eu \
        eue eues eurent eus eusse eussent eusses eussiez eussions eut eux eûmes eût \
        eûtes furent fus fusse fussent fusses fussiez fussions fut fûmes fût fûtes il \
        ils j je l la le les leur lui m ma mais me mes moi mon même n ne nos notre nous \
        on ont ou par pas pour qu que qui s sa se sera serai seraient serais serait \
        seras serez seriez serions serons seront ses soient sois soit sommes son sont \
        soyez soyons suis sur t ta te tes toi ton tu un une vos votre vous y à étaient \
        étais était étant étante étantes étants étiez étions été étée étées étés êtes
        """,
        "italian": """
        a abbia abbiamo abbiano abbiate ad agl agli ai al all alla alle allo anche \
        avemmo avendo avesse avessero avessi avessimo aveste avesti avete aveva avevamo \
        avevano avevate avevi avevo avrai avranno avrebbe avrebbero avrei avremmo avremo \
        avreste avresti avrete avrà avrò avuta avute avuti avuto c che chi ci coi col \
        come con contro cui da dagl dagli dai dal dall dalla dalle dallo degl degli dei \
        del dell della delle dello di dov dove e ebbe ebbero ebbi ed era erano eravamo \
        eravate eri ero essendo faccia facciamo facciano facciate faccio facemmo facendo \
        facesse facessero facessi facessimo faceste facesti faceva facevamo facevano \
        facevate facevi facevo fai fanno farai faranno farebbe farebbero farei faremmo \
        faremo fareste faresti farete farà farò fece fecero feci fosse fossero fossi \
        fossimo foste fosti fu fui fummo furono gli ha hai hanno ho i il in io l la le \
        lei li lo loro lui ma mi mia mie miei mio ne negl negli nei nel nell nella nelle \
        nello noi non nostra nostre nostri nostro o per perché più quale quanta quante \
        quanti quanto quella quelle quelli quello questa queste questi questo sarai \
        saranno sarebbe sarebbero sarei saremmo saremo sareste saresti sarete sarà sarò \
        se sei si sia siamo siano siate siete sono sta stai stando stanno starai \
        staranno starebbe starebbero starei staremmo staremo stareste staresti starete \
        starà starò stava stavamo stavano stavate stavi stavo stemmo stesse stessero \
        stessi stessimo steste stesti stette stettero stetti stia stiamo stiano stiate \
        sto su sua sue sugl sugli sui sul sull sulla sulle sullo suo suoi ti tra tu tua \
        tue tuo tuoi tutti tutto un una uno vi voi vostra vostre vostri vostro è
        """,
        "portuguese": """
        a ao aos aquela aquelas aquele aqueles aquilo as até com como da das de dela \
        delas dele deles depois do dos e ela elas ele eles em entre era eram essa essas \
        esse esses esta estamos estar estas estava estavam este esteja estejam estejamos \
        estes esteve estive estivemos estiver estivera estiveram estiverem estivermos \
        estivesse estivessem estivéramos estivéssemos estou está estávamos estão eu foi \
        fomos for fora foram forem formos fosse fossem fui fôramos fôssemos haja hajam \
        hajamos havemos haver hei houve houvemos houver houvera houveram houverei \
        houverem houveremos houveria houveriam houvermos houverá houverão houveríamos \
        houvesse houvessem houvéramos houvéssemos há hão isso isto já lhe lhes mais mas \
        me mesmo meu meus minha minhas muito na nas nem no nos nossa nossas nosso nossos \
        num numa não nós o os ou para pela pelas pelo pelos por qual quando que quem se \
        seja sejam sejamos sem ser serei seremos seria seriam será serão seríamos seu \
        seus somos sou sua suas são só também te tem temos tenha tenham tenhamos tenho \
        terei teremos teria teriam terá terão teríamos teu teus teve tinha tinham tive \
        tivemos tiver tivera tiveram tiverem tivermos tivesse tivessem tivéramos \
        tivéssemos tu tua tuas tém tínhamos um uma você vocês vos à às é éramos
        """,
        "romanian": """
        a abia acea aceasta această aceea aceeasi acei aceia acel acela acelasi acele \
        acelea acest acesta aceste acestea acestei acestia acestui aceşti aceştia adica \
        ai aia aibă aici al ala ale alea alt alta altceva altcineva alte altfel alti \
        altii altul am anume apoi ar are as asa asta astea astfel asupra atare atat \
        atata atatea atatia ati atit atita atitea atitia atunci au avea avem aveţi avut \
        aş aţi ba ca cam cand care careia carora caruia cat catre ce cea ceea cei \
        ceilalti cel cele celor ceva chiar ci cind cine cineva cit cita cite citeva citi \
        citiva cu cui cum cumva cât câte câtva câţi cînd cît cîte cîtva cîţi că căci \
        cărei căror cărui către da daca dacă dar dat dată dau de deasupra deci decit \
        deja desi despre deşi din dintr dintr- dintre doar doi doilea două drept dupa \
        după dă e ea ei el ele era eram este eu eşti face fara fata fel fi fie fiecare \
        fii fim fiu fiţi foarte fost fără i ia iar ii il imi in inainte inapoi inca \
        incit insa intr intre isi iti la le li lor lui lângă lîngă m ma mai mea mei mele \
        mereu meu mi mie mine mod mult multa multe multi multă mulţi mâine mîine mă ne \
        ni nici nimeni nimic niste nişte noastre noastră noi nostri nostru nou noua nouă \
        noştri nu numai o or ori oricare orice oricine oricum oricând oricât oricînd \
        oricît oriunde pai parca patra patru pe pentru peste pic pina poate pot prea \
        prima primul prin printr- putini puţin puţina puţină până pînă sa sa-mi sa-ti \
        sai sale sau se si sint sintem spate spre sub sunt suntem sunteţi sus să săi său \
        t ta tale te ti tine toata toate toată tocmai tot toti totul totusi totuşi toţi \
        trei treia treilea tu tuturor tăi tău u ul ului un una unde undeva unei uneia \
        unele uneori unii unor unora unu unui unuia unul v va vi voastre voastră voi vom \
        vor vostru vouă voştri vreo vreun vă zi zice îi îl îmi în îţi ăla ălea ăsta \
        ăstea ăştia şi ţi ţie
        """,
        "spanish": """
        a al algo algunas algunos ante antes como con contra cual cuando de del desde \
        donde durante e el ella ellas ellos en entre era erais eran eras eres es esa \
        esas ese eso esos esta estaba estabais estaban estabas estad estada estadas \
        estado estados estamos estando estar estaremos estará estarán estarás estaré \
        estaréis estaría estaríais estaríamos estarían estarías estas este estemos esto \
        estos estoy estuve estuviera estuvierais estuvieran estuvieras estuvieron \
        estuviese estuvieseis estuviesen estuvieses estuvimos estuviste estuvisteis \
        estuviéramos estuviésemos estuvo está estábamos estáis están estás esté estéis \
        estén estés fue fuera fuerais fueran fueras fueron fuese fueseis fuesen fueses \
        fui fuimos fuiste fuisteis fuéramos fuésemos ha habida habidas habido habidos \
        habiendo habremos habrá habrán habrás habré habréis habría habríais habríamos \
        habrían habrías habéis había habíais habíamos habían habías han has hasta hay \
        haya hayamos hayan hayas hayáis he hemos hube hubiera hubierais hubieran \
        hubieras hubieron hubiese hubieseis hubiesen hubieses hubimos hubiste hubisteis \
        hubiéramos hubiésemos hubo la las le les lo los me mi mis mucho muchos muy más \
        mí mía mías mío míos nada ni no nos nosotras nosotros nuestra nuestras nuestro \
        nuestros o os otra otras otro otros para pero poco por porque que quien quienes \
        qué se sea seamos sean seas sentid sentida sentidas sentido sentidos seremos \
        será serán serás seré seréis sería seríais seríamos serían serías seáis siente \
        sin sintiendo sobre sois somos son soy su sus suya suyas suyo suyos sí también \
        tanto te tendremos tendrá tendrán tendrás tendré tendréis tendría tendríais \
        tendríamos tendrían tendrías tened tenemos tenga tengamos tengan tengas tengo \
        tengáis tenida tenidas tenido tenidos teniendo tenéis tenía teníais teníamos \
        tenían tenías ti tiene tienen tienes todo todos tu tus tuve tuviera tuvierais \
        tuvieran tuvieras tuvieron tuviese tuvieseis tuviesen tuvieses tuvimos tuviste \
        tuvisteis tuviéramos tuviésemos tuvo tuya tuyas tuyo tuyos tú un una uno unos \
        vosotras vosotros vuestra vuestras vuestro vuestros y ya yo él éramos
        """,
    ]
}
