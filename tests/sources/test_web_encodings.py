"""A page is read in the encoding that browsers take its label for (WHATWG Encoding Standard)."""

import pytest

from medsift.sources._web.text import decoded_page


@pytest.mark.parametrize(
    ("label", "text", "encoding"),
    [
        ("gb2312", "图1 镕氣", "gb18030"),
        ("GBK", "㐀", "gb18030"),
        ("x-gbk", "镕", "gb18030"),
        ("shift_jis", "図1 ①髙", "cp932"),
        ("x-sjis", "①", "cp932"),
        ("windows-31j", "①", "cp932"),
        ("euc-kr", "그림 햏", "cp949"),
        ("ks_c_5601-1987", "햏", "cp949"),
        ("windows-949", "햏", "cp949"),
        ("iso-8859-9", "Şekil “1”", "cp1254"),
        ("iso-8859-11", "ภาพ “1”", "cp874"),
        ("tis-620", "ภาพ…", "cp874"),
        ("iso-8859-8-i", "שלום", "iso8859-8"),
        ("big5", "圖片 嘅", "big5hkscs"),
        ("x-mac-roman", "Größe", "mac_roman"),
        ("x-mac-cyrillic", "Рис", "mac_cyrillic"),
        ("us-ascii", "“é”", "cp1252"),
        ("latin-1", "“é”", "cp1252"),
        ("koi8-r", "Рис", "koi8-r"),
    ],
)
def test_a_label_means_what_browsers_take_it_for(label, text, encoding):
    assert decoded_page(text.encode(encoding), label) == text
    page = f'<meta charset="{label}">{text}'
    assert decoded_page(page.encode(encoding), "") == page


@pytest.mark.parametrize("label", ["utf-7", "UTF7", "unicode-1-1-utf-7", "u7"])
def test_utf_7_is_never_read(label):
    assert decoded_page(b"+ADw-img+AD4-", label) == "+ADw-img+AD4-"
    assert "<p>" not in decoded_page(f'<meta charset="{label}">+ADw-p+AD4-'.encode(), "")
