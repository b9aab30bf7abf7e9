"""Short lists of words in English and Chinese: what things are made of, and how people speak of what they like.

Written for Gobelin; the first word of each line is the value that is read.
"""

MATERIALS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("cotton",), ("棉", "纯棉", "全棉", "棉布")),
    (("wool", "merino", "woollen", "woolen"), ("羊毛", "毛呢", "美利奴")),
    (("cashmere",), ("羊绒", "山羊绒")),
    (("silk",), ("真丝", "丝绸", "蚕丝", "桑蚕丝")),
    (("linen", "flax"), ("亚麻", "棉麻")),
    (("leather", "cowhide", "calfskin"), ("真皮", "牛皮", "羊皮", "皮革", "头层牛皮")),
    (("imitation leather", "faux leather", "pu leather", "vegan leather"), ("人造革", "仿皮", "人造皮")),
    (("suede", "imitation suede", "faux suede"), ("麂皮", "绒面革")),
    (("polyester",), ("聚酯", "聚酯纤维", "涤纶")),
    (("nylon", "polyamide"), ("尼龙", "锦纶", "聚酰胺")),
    (("viscose", "rayon"), ("粘胶", "粘纤", "人造丝")),
    (("modal", "lyocell", "tencel"), ("莫代尔", "莱赛尔", "天丝")),
    (("elastane", "spandex", "lycra"), ("氨纶", "莱卡")),
    (("acrylic",), ("腈纶", "亚克力")),
    (("denim",), ("牛仔布", "丹宁", "牛仔")),
    (("velvet", "velour"), ("天鹅绒", "丝绒")),
    (("corduroy",), ("灯芯绒",)),
    (("fleece",), ("抓绒", "摇粒绒")),
    (("down", "goose down", "duck down"), ("羽绒", "鹅绒", "鸭绒")),
    (("lace",), ("蕾丝",)),
    (("chiffon",), ("雪纺",)),
    (("satin",), ("缎面", "绸缎", "色丁")),
    (("tulle", "mesh"), ("薄纱", "网纱", "网眼布")),
    (("canvas",), ("帆布",)),
    (("felt",), ("毛毡", "毡")),
    (("jersey",), ("针织布", "平纹针织")),
    (("wood", "wooden", "oak", "walnut wood", "pine wood", "beech", "teak"), ("木", "实木", "橡木", "胡桃木", "松木", "榉木", "柚木")),
    (("bamboo",), ("竹", "竹子", "竹编", "竹制")),
    (("rattan", "wicker"), ("藤", "藤编")),
    (("paper", "cardboard"), ("纸", "纸板", "宣纸")),
    (("glass",), ("玻璃",)),
    (("ceramic", "ceramics", "stoneware", "earthenware"), ("陶瓷", "陶", "粗陶", "炻器")),
    (("porcelain", "bone china"), ("瓷", "骨瓷", "青瓷", "白瓷")),
    (("stainless steel", "steel"), ("不锈钢", "钢")),
    (("iron", "cast iron", "wrought iron"), ("铁", "铸铁", "铁艺")),
    (("aluminium", "aluminum"), ("铝", "铝合金")),
    (("brass",), ("黄铜",)),
    (("copper",), ("紫铜", "铜")),
    (("sterling silver",), ("纯银", "925银", "银饰")),
    (("titanium",), ("钛",)),
    (("plastic", "polypropylene"), ("塑料", "塑胶", "聚丙烯")),
    (("rubber", "latex"), ("橡胶", "乳胶")),
    (("silicone",), ("硅胶",)),
    (("marble",), ("大理石",)),
    (("stone", "granite", "slate"), ("石", "石头", "花岗岩")),
    (("cork",), ("软木",)),
    (("beeswax", "wax"), ("蜂蜡", "蜡")),
)  # fmt: skip

NOT_MADE_OF = ("without", "no", "non", "not", "free of", "faux", "imitation", "fake", "artificial")
"""English words before a material that deny it."""
NOT_MADE_AFTER = ("-free", "-look", " look", "-like", "-effect", "-style", " free")
NOT_MADE_OF_CHINESE = ("不含", "无", "非", "仿", "没有", "人造")

MADE_OF = (
    "made of",
    "made from",
    "made in",
    "crafted from",
    "in soft",
    "woven from",
    "material:",
    "fabric:",
    "composition:",
)
MADE_OF_CHINESE = ("材质", "面料", "成分", "采用", "制成", "材料")

POSITIVE = frozenset(
    "good great excellent amazing wonderful perfect perfectly lovely love loved loves beautiful comfortable happy "
    "delighted pleased superb fantastic brilliant best nice recommend recommended favourite favorite impressed gorgeous "
    "charming enjoyable enjoyed enjoy delightful sturdy reliable awesome outstanding satisfied gem masterpiece "
    "thrilled suits stunning flawless".split()
)  # fmt: skip
NEGATIVE = frozenset(
    "bad terrible awful horrible poor poorly disappointing disappointed disappoints hate hated broken broke ugly "
    "uncomfortable useless worst cheaply flimsy waste wasted defective faulty refund returned boring dull unhappy "
    "annoying annoyed regret ripped torn smelly scratched damaged mediocre overpriced dreadful unusable".split()
)
POSITIVE_CHINESE = (
    "喜欢", "满意", "好看", "漂亮", "舒服", "完美", "推荐", "优秀", "精致", "惊喜", "物超所值", "很好", "不错", "太棒", "好用",
    "开心", "高兴", "超值", "精彩", "好评", "喜爱", "值得",
)  # fmt: skip
NEGATIVE_CHINESE = (
    "失望", "糟糕", "难看", "垃圾", "差评", "退货", "后悔", "太差", "很差", "破损", "坏了", "难用", "无聊", "不值", "不好",
    "讨厌", "劣质", "粗糙", "掉色", "上当", "不满意", "不喜欢", "不推荐", "不舒服",
)  # fmt: skip
DENIES = frozenset(
    "not no never hardly without isn't wasn't doesn't don't didn't won't can't couldn't neither nor".split()
)
DENIES_CHINESE = ("不", "没", "没有", "并不", "不太", "不是", "不怎么", "毫无")
