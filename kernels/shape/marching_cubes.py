"""Surface and volume inside one cell of 2 × 2 × 2 voxels. Written by tools/make_marching_cubes.py; do not edit."""

from __future__ import annotations

import numpy as np

EDGES = (
    (0, 0, 1),
    (0, 1, 0),
    (0, 1, 2),
    (0, 2, 1),
    (1, 0, 0),
    (1, 0, 2),
    (1, 2, 0),
    (1, 2, 2),
    (2, 0, 1),
    (2, 1, 0),
    (2, 1, 2),
    (2, 2, 1),
)
"""Doubled coordinates (z, y, x) of the middles of a cell's twelve edges; a, b, c ... below."""

TRIANGLES = (
    ".aeb.acf.bcecfe.bgd.aedegd.acfbgd.cfdfegfgd.cdh.aebcdh.adfdhf.bdedhehfe.bgcghc.aeceghehc.abfbgfghf.egfghf.eij."
    "aibijb.acfeij.bcjcficij.bgdeij.aidigdijg.acfbgdeij.cfdfgdfigijg.cdheij.aibijbcdh.adfdhfeij.bdhbhibijhfi.bgcghc"
    "eij.ahcaijajhjgh.abfbgfghfeij.fghfigijg.fki.aebfki.acicki.bckbiebki.bgdfki.aedegdfki.acickibgd.cgdcigckiieg.cd"
    "hfki.aebcdhfki.adidhihki.bdedhehiehki.bgcghcfki.aeceghehcfki.abgagkakighk.eghehihki.efjfkj.afbfkbkjb.acecjeckj"
    ".bcjckj.bgdefjfkj.afdfgdfjgfkj.acecjeckjbgd.cgdcjgckj.cdhefjfkj.afbfkbkjbcdh.adedhehkekje.bdhbhkbkj.bgcghcefjf"
    "kj.afkaghahcajgakj.abgaghahkajeakj.ghjhkj.gjl.aebgjl.acfgjl.bcecfegjl.bjdjld.aejajlald.acfbjdjld.cejcfecjlcld."
    "cdhgjl.aebcdhgjl.adfdhfgjl.bdedhehfegjl.bjcjhcjlh.aecehcejhjlh.abfbjlblflhf.ehfejhjlh.eigilg.agbailalg.acfeigi"
    "lg.bcfbfgfilflg.bedeidild.aidild.acfbedeidild.cfdfidild.cdheigilg.agbailalgcdh.adfdhfeigilg.bdhbfibhfbilblg.be"
    "cehceilelh.ahcailalh.abfbeibhfbilblh.fihilh.fkigjl.aebfkigjl.acickigjl.bckbiebkigjl.bjdjldfki.aejajlaldfki.aci"
    "ckibjdjld.cedckeejleldkie.cdhfkigjl.aebcdhfkigjl.adidhihkigjl.bdedhehiehkigjl.bjcjhcjlhfki.aecehcejhjlhfki.abh"
    "ahibjhhkijlh.ehiejhhkijlh.efgfkgklg.afbfgbfkgklg.acecklclelge.bckbkgklg.bedefkekdkld.afkaklald.aceckedbeklelde"
    ".ckdkld.cdhefgfkgklg.afbfgbfkgklgcdh.adkakedhkkgeklg.bdhbhkbkgklg.belblceflfkllhc.afkahcaklalh.abehkl.hkl.hlk."
    "aebhlk.acfhlk.bcecfehlk.bgdhlk.aedegdhlk.acfbgdhlk.cfdfegfgdhlk.cdkdlk.aebcdkdlk.adlakfalk.bdedkedlkkfe.bgkbkc"
    "glk.aeceglelclkc.abfbgfgkfglk.egfgkfglk.eijhlk.aibijbhlk.acfeijhlk.bcjcficijhlk.bgdeijhlk.aidigdijghlk.acfbgde"
    "ijhlk.cfdfgdfigijghlk.cdkdlkeij.aibijbcdkdlk.adlakfalkeij.bdfbfjdlffijlkf.bgkbkcglkeij.agcaiggkcglkijg.abfbgfg"
    "kfglkeij.fgkfigglkijg.fhihli.aebfhihli.achahlali.bcechehlelie.bgdfhihli.aedegdfhihli.achahlalibgd.cegcgdchlcie"
    "cli.cdfdifdli.aebcdfdifdli.adidli.bdediedli.bfcbgfglflif.aecegcglcifclic.abgaglali.egigli.efhehjhlj.afbfhlflbl"
    "jb.acechehjehlj.bcjchjhlj.bgdefhehjhlj.afjajdfhjhljjgd.acechehjehljbgd.cgdchjcjghlj.cdfdjfdljjef.afbfcdfdlfjbf"
    "lj.adlajealj.bdjdlj.bglblcleflfclje.afcglj.abgaglajealj.glj.gjhjkh.aebgjhjkh.acfgjhjkh.bcecfegjhjkh.bhdbjkbkh."
    "aedehdejkekh.acfbhdbjkbkh.cfdejdfedjkdkhd.cdgcgjcjk.aebcdgcgjcjk.adfdgfgjfjkf.bdedfedgjdjkdkf.bjcjkc.aecejcjkc"
    ".abfbjkbkf.ejfjkf.ehgeihikh.agbaikakgkhg.acfehgeihikh.bcibigcfiihgikh.bedehdeihikh.aidihdikh.acfbedehdeihikh.c"
    "fdfidihdikh.cdgcgicikgei.agbaigcdgikgkcg.adkakfdgkeikgek.bdgfik.beibikbkc.aicikc.abfbeibikbkf.fik.fgifhggji.ae"
    "bfgifhggji.achahjajihgj.bcibiechigjihgi.bhdbihbjiifh.aejajdjfhjhdjif.achahihbjhdbhji.chdeji.cdfdgfgifgji.aebcd"
    "fdgfgifgji.adidgigji.bdedgidiegji.bjcifcjic.aecejcifcjic.abibji.eji.efgfhg.afbfgbfhg.acechehge.bcgchg.bedefheh"
    "d.afdfhd.acechedbehde.chd.cdfdgfgef.afbcdgfcgfgb.adedge.bdg.becefc.afc.abe."
).split(".")
"""Triangles of each configuration (bit 4 z + 2 y + x set = corner (z, y, x) inside), three letters each, normals outward."""

VOLUME = np.array([
    0, 1, 1, 6, 1, 6, 2, 17, 1, 2, 6, 17, 6, 17, 17, 24,
    1, 6, 2, 17, 2, 17, 3, 24, 2, 7, 7, 24, 7, 24, 18, 31,
    1, 2, 6, 17, 2, 7, 7, 24, 2, 3, 17, 24, 7, 18, 24, 31,
    6, 17, 17, 24, 7, 24, 18, 31, 7, 18, 24, 31, 12, 25, 25, 42,
    1, 2, 2, 7, 6, 17, 7, 24, 2, 3, 7, 18, 17, 24, 24, 31,
    6, 17, 7, 24, 17, 24, 18, 31, 7, 18, 12, 25, 24, 31, 25, 42,
    2, 3, 7, 18, 7, 18, 12, 25, 3, 4, 18, 25, 18, 25, 25, 38,
    17, 24, 24, 31, 24, 31, 25, 42, 18, 25, 25, 38, 25, 38, 46, 47,
    1, 2, 2, 7, 2, 7, 3, 18, 6, 7, 17, 24, 17, 24, 24, 31,
    2, 7, 3, 18, 3, 18, 4, 25, 7, 12, 18, 25, 18, 25, 25, 38,
    6, 7, 17, 24, 7, 12, 18, 25, 17, 18, 24, 31, 24, 25, 31, 42,
    17, 24, 24, 31, 18, 25, 25, 38, 24, 25, 31, 42, 25, 46, 38, 47,
    6, 7, 7, 12, 17, 24, 18, 25, 17, 18, 24, 25, 24, 31, 31, 42,
    17, 24, 18, 25, 24, 31, 25, 38, 24, 25, 25, 46, 31, 42, 38, 47,
    17, 18, 24, 25, 24, 25, 25, 46, 24, 25, 31, 38, 31, 38, 42, 47,
    24, 31, 31, 42, 31, 42, 38, 47, 31, 38, 42, 47, 42, 47, 47, 48,
])  # fmt: skip
"""Inside volume of each configuration in 48ths of a cell, int64 [256]."""


def _normals() -> np.ndarray:
    """Eight times the area vector of each triangle in a cell of size 1, int64 [256, 5, 3]; 0 where there are fewer than five."""
    found = np.zeros((256, 5, 3), np.int64)
    for configuration, letters in enumerate(TRIANGLES):
        corners = np.array([EDGES[ord(letter) - ord("a")] for letter in letters]).reshape(-1, 3, 3)
        if len(corners):
            found[configuration, : len(corners)] = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return found


NORMALS = _normals()
