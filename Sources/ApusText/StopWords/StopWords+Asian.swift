// Words that say nothing of what a text is about, one language after the other, in the order of
// their characters. Data: nothing to read here.

extension StopWords {
    static let asian: [String: String] = [
        "arabic": """
        آ آض آمينَ آه آها آهاً آي أ أجل أجمع أخذ أصبح أضحى أقبل أقل أكثر ألا أم أما \
        أمامك أمامكَ أمسى أمّا أن أنا أنت أنتم أنتما أنتن أنتِ أنشأ أنّى أو أوشك أولئك \
        أولاء أولالك أوّهْ أي أيا أين أينما أيّ إذ إذا إذاً إذما إذن إلى إليك إليكم \
        إليكما إليكن إليكنّ إليكَ إلَيْكَ إلّا إمّا إن إي إياك إياكم إياكما إياكن إيانا \
        إياه إياها إياهم إياهما إياهن إياي إيه إيهٍ ئ ا ابتدأ اخلولق ارتدّ استحال الألاء \
        الألى التي الذي الذين اللائي اللاتي اللتان اللتيا اللتين اللذان اللذين اللواتي \
        انبرى انقلب ب بات بخ بخٍ بس بسّ بضع بطآن بعد بعدا بعض بك بكم بكما بكن بل بلى بما \
        بماذا بمن بنا به بها بي بيد بين بَسْ بَلْهَ ة ت تانِ تانِك تبدّل تجاه تحت تحوّل \
        تلقاء تلك تلكم تلكما تينك تَيْنِ تِه تِي ث ثلاثة ثم ثمّ ثمّة ج جعل جلل جميع جير \
        ح حار حاشا حاي حتى حرى حسب حيث حيثما حين حَذارِ خ خلا د دون دونك ذ ذا ذات ذاك \
        ذان ذانك ذانِ ذلك ذلكم ذلكما ذلكن ذو ذوا ذواتا ذواتي ذيت ذينك ذَيْنِ ذِه ذِي ر \
        راح رجع رويدك ريث ز زود س سبحان ست سرعان سوف سوى ش شبه شرع ص صار صباح صهٍ صهْ ض \
        ط طاق طالما طفق طَق ظ ظلّ ع عاد عامة عدا عسى عشر عشرة عل علق على عليك عليه عن \
        عند عوض عين عَدَسْ غ غالبا غدا غير ف فلان فو فوق في فيم فيما فيه فيها ق قام قبل \
        قد قطّ قلما ك كأن كأي كأين كأيّ كأيّن كاد كان كذا كذلك كرب كل كلا كلاهما كلتا \
        كليكما كليهما كلّما كم كما كي كيت كيف كيفما كِخ ل لئن لا لات لاسيما لدن لدى لعمر \
        لك لكم لكما لكن لكي لكيلا لم لما لمّا لن لنا له لها لو لولا لوما لي م ما مادام \
        ماذا مازال مافتئ مايو متى مثل مذ مساء مع معاذ مكانكم مكانكما مكانكنّ مكانَك مما \
        ممن من منذ منها مه مهما ن نحن نحو نعم نفس نَخْ ه ها هاك هاكَ هاهنا هبّ هذا هذه \
        هكذا هل هلا هلم هلّا هم هما هن هنا هناك هنالك هو هي هيا هيت هيّا هَؤلاء هَاتانِ \
        هَاتَيْنِ هَاتِه هَاتِي هَجْ هَذا هَذانِ هَذَيْنِ هَذِه هَذِي و وا واحد واهاً \
        وراءَك ولا ومن وهو وَيْ ى ي يا ّأيّان
        """,
        "bengali": """
        অতএব অথচ অথবা অনুযায়ী অনেক অনেকে অনেকেই অন্তত অন্য অবধি অবশ্য অর্থাত আই আগামী \
        আগে আগেই আছে আজ আদ্যভাগে আপনার আপনি আবার আমরা আমাকে আমাদের আমার আমি আর আরও ই \
        ইত্যাদি ইহা উচিত উত্তর উনি উপর উপরে এ এঁদের এঁরা এই একই একটি একবার একে এক্ এখন \
        এখনও এখানে এখানেই এটা এটাই এটি এত এতটাই এতে এদের এব এবং এবার এমন এমনকী এমনি এর \
        এরা এল এস এসে ঐ ও ওঁদের ওঁর ওঁরা ওই ওকে ওখানে ওদের ওর ওরা কখনও কত কবে কমনে কয়েক \
        কয়েকটি করছে করছেন করতে করবে করবেন করলে করলেন করা করাই করায় করার করি করিতে \
        করিয়া করিয়ে করে করেই করেছিলেন করেছে করেছেন করেন কাউকে কাছ কাছে কাজ কাজে কারও \
        কারণ কি কিংবা কিছু কিছুই কিন্তু কী কে কেউ কেউই কেখা কেন কোটি কোন কোনও কোনো \
        ক্ষেত্রে কয়েক খুব গিয়ে গিয়েছে গিয়ে গুলি গেছে গেল গেলে গোটা চলে চান চায় চার \
        চালু চেয়ে চেষ্টা ছাড়া ছাড়াও ছিল ছিলেন জন জনকে জনের জন্য জন্যওজে জানতে জানা \
        জানানো জানায় জানিয়ে জানিয়েছে জে জ্নজন টি ঠিক তখন তত তথা তবু তবে তা তাঁকে \
        তাঁদের তাঁর তাঁরা তাঁাহারা তাই তাও তাকে তাতে তাদের তার তারপর তারা তারৈ তাহলে \
        তাহা তাহাতে তাহার তিনঐ তিনি তিনিও তুমি তুলে তেমন তো তোমার থাকবে থাকবেন থাকা \
        থাকায় থাকে থাকেন থেকে থেকেই থেকেও দিকে দিতে দিন দিয়ে দিয়েছে দিয়েছেন দিলেন দু \
        দুই দুটি দুটো দেওয়া দেওয়ার দেওয়া দেখতে দেখা দেখে দেন দেয় দ্বারা ধরা ধরে ধামার \
        নতুন নয় না নাই নাকি নাগাদ নানা নিজে নিজেই নিজেদের নিজের নিতে নিয়ে নিয়ে নেই \
        নেওয়া নেওয়ার নেওয়া নয় পক্ষে পর পরে পরেই পরেও পর্যন্ত পাওয়া পাচ পারি পারে \
        পারেন পি পেয়ে পেয়্র্ প্রতি প্রথম প্রভৃতি প্রযন্ত প্রাথমিক প্রায় প্রায় ফলে ফিরে \
        ফের বক্তব্য বদলে বন বরং বলতে বলল বললেন বলা বলে বলেছেন বলেন বসে বহু বা বাদে বার \
        বি বিনা বিভিন্ন বিশেষ বিষয়টি বেশ বেশি ব্যবহার ব্যাপারে ভাবে ভাবেই মতো মতোই \
        মধ্যভাগে মধ্যে মধ্যেই মধ্যেও মনে মাত্র মাধ্যমে মোট মোটেই যখন যত যতটা যথেষ্ট যদি \
        যদিও যা যাঁর যাঁরা যাওয়া যাওয়ার যাওয়া যাকে যাচ্ছে যাতে যাদের যান যাবে যায় যার \
        যারা যিনি যে যেখানে যেতে যেন যেমন র রকম রয়েছে রাখা রেখে লক্ষ শুধু শুরু সঙ্গে \
        সঙ্গেও সব সবার সমস্ত সম্প্রতি সহ সহিত সাধারণ সামনে সি সুতরাং সে সেই সেখান সেখানে \
        সেটা সেটাই সেটাও সেটি স্পষ্ট স্বয়ং হইতে হইবে হইয়া হওয়া হওয়ায় হওয়ার হচ্ছে \
        হত হতে হতেই হন হবে হবেন হয় হয়তো হয়নি হয়ে হয়েই হয়েছিল হয়েছে হয়েছেন হল হলে \
        হলেই হলেও হলো হাজার হিসাবে হৈলে হোক হয়
        """,
        "chinese": """
        一 一些 一切 一则 一方面 一旦 一来 一样 一般 万一 上下 不仅 不但 不光 不单 不只 不如 不得 不怕 不惟 不成 不拘 不是 不比 不然 不特 不独 \
        不管 不论 不过 不问 与 与其 与否 与此同时 且 两者 个 个别 临 为 为了 为什么 为何 为着 乃 乃至 么 之 之一 之所以 之类 乌乎 乎 乘 也 \
        也好 也罢 了 于 于是 于是乎 云云 人们 人家 什么 什么样 从 从而 他 他人 他们 以 以上 以为 以便 以免 以及 以来 以至 以至于 以致 们 任 \
        任何 任凭 似的 但 但是 何 何况 何处 何时 作为 你 你们 使得 例如 依 依照 俺 俺们 倘 倘使 倘或 倘然 倘若 假使 假如 假若 像 全部 兮 \
        关于 其 其一 其中 其二 其他 其余 其它 其次 具体地说 具体说来 再者 再说 冒 冲 况且 几 几时 凭 凭借 出来 分别 则 别 别的 别说 到 前后 \
        前者 加之 加以 即 即令 即使 即便 即或 即若 又 及 及其 及至 反之 反过来 反过来说 受到 另 另一方面 另外 只是 只有 只要 只限 叫 叮咚 可 \
        可以 可是 可见 各 各个 各位 各种 各自 同 同时 向 向着 吓 吗 否则 吧 吧哒 吱 呀 呃 呕 呗 呜 呜呼 呢 呵 呸 呼哧 咋 和 咚 咦 咱 \
        咱们 咳 哇 哈 哈哈 哉 哎 哎呀 哎哟 哗 哟 哦 哩 哪 哪个 哪些 哪儿 哪天 哪年 哪怕 哪样 哪边 哪里 哼 哼唷 唉 啊 啐 啥 啦 啪达 喂 喏 \
        喔唷 嗡嗡 嗬 嗯 嗳 嘎 嘎登 嘘 嘛 嘻 嘿 因 因为 因此 因而 固然 在 在下 地 多 多少 大家 她 她们 如 如上所述 如下 如何 如其 如果 如此 \
        如若 宁 宁可 宁愿 宁肯 它 它们 对 对于 将 尔后 尚且 就 就是 就是说 尽 尽管 岂但 己 并 并且 开外 开始 归 当 当然 当着 彼 彼此 往 待 \
        得 怎 怎么 怎么办 怎么样 怎样 总之 总的来看 总的来说 总的说来 总而言之 恰恰相反 您 慢说 我 我们 或 或是 或者 所 所以 所有 打 把 抑或 拿 \
        按 按照 换句话说 换言之 据 接着 故 故此 旁人 无宁 无论 既 既是 既然 时候 是 是的 替 有 有些 有关 有时 有的 望 朝 朝着 本 本着 来 \
        来着 极了 果然 果真 某 某个 某些 根据 正如 此 此外 此时 此间 毋宁 每 每当 比 比如 比方 沿 沿着 漫说 焉 然则 然后 然而 照 照着 甚么 \
        甚而 甚至 用 由 由于 由此可见 的 的话 直到 相对而言 省得 着 着呢 矣 离 第 等 等等 管 紧接着 纵 纵令 纵使 纵然 经 经过 结果 给 继而 \
        综上所述 罢了 者 而 而且 而况 而外 而已 而是 而言 能 能否 腾 自 自个儿 自从 自各儿 自家 自己 自身 至 至于 若 若是 若非 莫若 虽 虽则 \
        虽然 虽说 被 要 要不 要不是 要不然 要么 要是 让 许多 论 设使 设若 该 诸位 谁 谁知 赶 起 起见 趁 趁着 越是 跟 较 较之 边 过 还是 \
        还有 这 这个 这么 这么些 这么样 这么点儿 这些 这会儿 这儿 这就是说 这时 这样 这边 这里 进而 连 连同 逐步 通过 那 那个 那么 那么些 那么样 \
        那些 那会儿 那儿 那时 那样 那边 那里 鄙人 鉴于 阿 除 除了 除此之外 除非 随 随着 非但 非徒 靠 顺 顺着 首先
        """,
        "hebrew": """
        אבל או אולי אותה אותו אותי אותך אותם אותן אותנו אז אחר אחרות אחרי אחרים אחרת אי \
        איזה איך אין איפה איתה איתו איתי איתך איתכם איתכן איתם איתן איתנו אך אל אלה אלו \
        אם אנחנו אני אס אף אצל אשר את אתה אתכם אתכן אתם אתן באמצע באמצעות בגלל בין בלי \
        במידה ברם בשביל בתוך גם דרך הוא היא היה היכן היתה היתי הם הן הנה הרי ואילו ואת \
        זאת זה זות יהיה יוכל יוכלו יותר יכול יכולה יכולות יכולים יכל יכלה יכלו יש כאן \
        כאשר כולם כולן כזה כי כיצד כך ככה כל כלל כמו כן כפי כש לא לאו לאן לבין לה להיות \
        להם להן לו לי לכם לכן למה למטה למעלה למרות לנו לעבר לעיכן לפיכך לפני מאד מאחורי \
        מאין מאיפה מבלי מבעד מדוע מדי מה מהיכן מול מחוץ מי מכאן מכיוון מלבד מן מנין \
        מסוגל מעט מעטים מעל מצד מתחת מתי נגד נגר נו עד עז על עלי עליה עליהם עליהן עליו \
        עליך עליכם עלינו עם עצמה עצמהם עצמהן עצמו עצמי עצמם עצמן עצמנו פה רק שוב של שלה \
        שלהם שלהן שלו שלי שלך שלכם שלכן שלנו שם תהיה תחת
        """,
        "indonesian": """
        ada adalah adanya adapun agak agaknya agar akan akankah akhir akhiri akhirnya \
        aku akulah amat amatlah anda andalah antar antara antaranya apa apaan apabila \
        apakah apalagi apatah artinya asal asalkan atas atau ataukah ataupun awal \
        awalnya bagai bagaikan bagaimana bagaimanakah bagaimanapun bagi bagian bahkan \
        bahwa bahwasanya baik bakal bakalan balik banyak bapak baru bawah beberapa \
        begini beginian beginikah beginilah begitu begitukah begitulah begitupun bekerja \
        belakang belakangan belum belumlah benar benarkah benarlah berada berakhir \
        berakhirlah berakhirnya berapa berapakah berapalah berapapun berarti berawal \
        berbagai berdatangan beri berikan berikut berikutnya berjumlah berkali-kali \
        berkata berkehendak berkeinginan berkenaan berlainan berlalu berlangsung \
        berlebihan bermacam bermacam-macam bermaksud bermula bersama bersama-sama \
        bersiap bersiap-siap bertanya bertanya-tanya berturut berturut-turut bertutur \
        berujar berupa besar betul betulkah biasa biasanya bila bilakah bisa bisakah \
        boleh bolehkah bolehlah buat bukan bukankah bukanlah bukannya bulan bung cara \
        caranya cukup cukupkah cukuplah cuma dahulu dalam dan dapat dari daripada datang \
        dekat demi demikian demikianlah dengan depan di dia diakhiri diakhirinya dialah \
        diantara diantaranya diberi diberikan diberikannya dibuat dibuatnya didapat \
        didatangkan digunakan diibaratkan diibaratkannya diingat diingatkan diinginkan \
        dijawab dijelaskan dijelaskannya dikarenakan dikatakan dikatakannya dikerjakan \
        diketahui diketahuinya dikira dilakukan dilalui dilihat dimaksud dimaksudkan \
        dimaksudkannya dimaksudnya diminta dimintai dimisalkan dimulai dimulailah \
        dimulainya dimungkinkan dini dipastikan diperbuat diperbuatnya dipergunakan \
        diperkirakan diperlihatkan diperlukan diperlukannya dipersoalkan dipertanyakan \
        dipunyai diri dirinya disampaikan disebut disebutkan disebutkannya disini \
        disinilah ditambahkan ditandaskan ditanya ditanyai ditanyakan ditegaskan \
        ditujukan ditunjuk ditunjuki ditunjukkan ditunjukkannya ditunjuknya dituturkan \
        dituturkannya diucapkan diucapkannya diungkapkan dong dua dulu empat enggak \
        enggaknya entah entahlah guna gunakan hal hampir hanya hanyalah hari harus \
        haruslah harusnya hendak hendaklah hendaknya hingga ia ialah ibarat ibaratkan \
        ibaratnya ibu ikut ingat ingat-ingat ingin inginkah inginkan ini inikah inilah \
        itu itukah itulah jadi jadilah jadinya jangan jangankan janganlah jauh jawab \
        jawaban jawabnya jelas jelaskan jelaslah jelasnya jika jikalau juga jumlah \
        jumlahnya justru kala kalau kalaulah kalaupun kalian kami kamilah kamu kamulah \
        kan kapan kapankah kapanpun karena karenanya kasus kata katakan katakanlah \
        katanya ke keadaan kebetulan kecil kedua keduanya keinginan kelamaan kelihatan \
        kelihatannya kelima keluar kembali kemudian kemungkinan kemungkinannya kenapa \
        kepada kepadanya kesampaian keseluruhan keseluruhannya keterlaluan ketika \
        khususnya kini kinilah kira kira-kira kiranya kita kitalah kok kurang lagi \
        lagian lah lain lainnya lalu lama lamanya lanjut lanjutnya lebih lewat lima luar \
        macam maka makanya makin malah malahan mampu mampukah mana manakala manalagi \
        masa masalah masalahnya masih masihkah masing masing-masing mau maupun melainkan \
        melakukan melalui melihat melihatnya memang memastikan memberi memberikan \
        membuat memerlukan memihak meminta memintakan memisalkan memperbuat \
        mempergunakan memperkirakan memperlihatkan mempersiapkan mempersoalkan \
        mempertanyakan mempunyai memulai memungkinkan menaiki menambahkan menandaskan \
        menanti menanti-nanti menantikan menanya menanyai menanyakan mendapat \
        mendapatkan mendatang mendatangi mendatangkan menegaskan mengakhiri mengapa \
        mengatakan mengatakannya mengenai mengerjakan mengetahui menggunakan menghendaki \
        mengibaratkan mengibaratkannya mengingat mengingatkan menginginkan mengira \
        mengucapkan mengucapkannya mengungkapkan menjadi menjawab menjelaskan menuju \
        menunjuk menunjuki menunjukkan menunjuknya menurut menuturkan menyampaikan \
        menyangkut menyatakan menyebutkan menyeluruh menyiapkan merasa mereka merekalah \
        merupakan meski meskipun meyakini meyakinkan minta mirip misal misalkan misalnya \
        mula mulai mulailah mulanya mungkin mungkinkah nah naik namun nanti nantinya \
        nyaris nyatanya oleh olehnya pada padahal padanya pak paling panjang pantas para \
        pasti pastilah penting pentingnya per percuma perlu perlukah perlunya pernah \
        persoalan pertama pertama-tama pertanyaan pertanyakan pihak pihaknya pukul pula \
        pun punya rasa rasanya rata rupanya saat saatnya saja sajalah saling sama \
        sama-sama sambil sampai sampai-sampai sampaikan sana sangat sangatlah satu saya \
        sayalah se sebab sebabnya sebagai sebagaimana sebagainya sebagian sebaik \
        sebaik-baiknya sebaiknya sebaliknya sebanyak sebegini sebegitu sebelum \
        sebelumnya sebenarnya seberapa sebesar sebetulnya sebisanya sebuah sebut \
        sebutlah sebutnya secara secukupnya sedang sedangkan sedemikian sedikit \
        sedikitnya seenaknya segala segalanya segera seharusnya sehingga seingat sejak \
        sejauh sejenak sejumlah sekadar sekadarnya sekali sekali-kali sekalian sekaligus \
        sekalipun sekarang sekecil seketika sekiranya sekitar sekitarnya \
        sekurang-kurangnya sekurangnya sela selain selaku selalu selama selama-lamanya \
        selamanya selanjutnya seluruh seluruhnya semacam semakin semampu semampunya \
        semasa semasih semata semata-mata semaunya sementara semisal semisalnya sempat \
        semua semuanya semula sendiri sendirian sendirinya seolah seolah-olah seorang \
        sepanjang sepantasnya sepantasnyalah seperlunya seperti sepertinya sepihak \
        sering seringnya serta serupa sesaat sesama sesampai sesegera sesekali seseorang \
        sesuatu sesuatunya sesudah sesudahnya setelah setempat setengah seterusnya \
        setiap setiba setibanya setidak-tidaknya setidaknya setinggi seusai sewaktu siap \
        siapa siapakah siapapun sini sinilah soal soalnya suatu sudah sudahkah sudahlah \
        supaya tadi tadinya tahu tahun tak tambah tambahnya tampak tampaknya tandas \
        tandasnya tanpa tanya tanyakan tanyanya tapi tegas tegasnya telah tempat tengah \
        tentang tentu tentulah tentunya tepat terakhir terasa terbanyak terdahulu \
        terdapat terdiri terhadap terhadapnya teringat teringat-ingat terjadi terjadilah \
        terjadinya terkira terlalu terlebih terlihat termasuk ternyata tersampaikan \
        tersebut tersebutlah tertentu tertuju terus terutama tetap tetapi tiap tiba \
        tiba-tiba tidak tidakkah tidaklah tiga tinggi toh tunjuk turut tutur tuturnya \
        ucap ucapnya ujar ujarnya umum umumnya ungkap ungkapnya untuk usah usai waduh \
        wah wahai waktu waktunya walau walaupun wong yaitu yakin yakni yang
        """,
        "japanese": """
        あそこ あっ あの あのかた あの人 あり あります ある あれ い いう います いる う うち え お および おり おります か かつて から が き \
        ここ こちら こと この これ これら さ さらに し しかし する ず せ せる そこ そして その その他 その後 それ それぞれ それで た ただし たち \
        ため たり だ だっ だれ つ て で でき できる です では でも と という といった とき ところ として とともに とも と共に どこ どの な ない \
        なお なかっ ながら なっ など なに なら なり なる なん に において における について にて によって により による に対して に対する に関する \
        の ので のみ は ば へ ほか ほとんど ほど ます また または まで も もの ものの や よう より ら られ られる れ れる を ん 人 他 何 共 \
        及び 彼 我々 特に 私 私達 貴方 貴方方
        """,
    ]
}
