;;; pen-block-inert.el --- Text of a model, made harmless in an org file -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; What a model wrote is never run, loaded or opened.  In an org file it could
;; be taken for headings, keywords, references to blocks, calls, or the file's
;; local variables; `pen-block-inert' breaks those up, by a comma before a line
;; or by a zero-width space.

;;; Code:

(require 'seq)

;;;; Internal variables

(defconst pen-block-inert--breaks
  '(("<\\(\\)<" . "references to blocks")
    ("%\\(\\)%(" . "Lisp in timestamps and diary entries")
    ("{\\(\\){{" . "macros")
    (")\\(\\)}}}" . "the end of a result in a line")
    ("@\\(\\)@" . "text for one kind of export alone")
    ("\\<\\(?:src\\|call\\)\\(\\)_[^][ \t\n(){}]+[[({]" . "inline blocks and calls")
    ("\\\\\\(\\)[a-z@]*\\(?:input\\|include\\|write\\|openin\\|openout\\|read\\|csname\\|catcode\\)"
     . "files that LaTeX would read or write")
    ("\\<local\\(\\)[ \t]+variables[ \t]*:" . "the file's local variables"))
  "What is broken up, where its group is, and why.")

(defconst pen-block-inert--line "^[ \t]*\\(\\),*\\(?:\\*\\|#\\+\\|:end:[ \t]*$\\)"
  "A line that would end the result or begin something else.")

;;;; Functions

(defun pen-block-inert (text params)
  "Return TEXT of a model as it may stand in the result of a block with PARAMS."
  (with-temp-buffer
    (insert text)
    (let ((case-fold-search t))
      (dolist (break pen-block-inert--breaks)
        (pen-block-inert--insert (car break) "\u200b"))
      (unless (pen-block-inert--quoted-p params)
        (pen-block-inert--insert pen-block-inert--line ",")))
    (buffer-string)))

(defun pen-block-inert--insert (regexp mark)
  "Insert MARK at the group of each match of REGEXP in this buffer."
  (goto-char (point-min))
  (while (re-search-forward regexp nil t)
    (goto-char (match-beginning 1))
    (insert mark)))

(defun pen-block-inert--quoted-p (params)
  "Return non-nil if org itself puts commas into a result by PARAMS."
  (let ((results (cdr (assq :result-params params)))
        (wrap (assq :wrap params)))
    (if wrap
        (string-match-p "\\`\\(?:example\\|src\\|export\\)\\_>" (or (cdr wrap) ""))
      (or (seq-intersection results '("html" "latex" "org" "code"))
          (not (seq-intersection results '("raw" "drawer" "wrap")))))))

(provide 'pen-block-inert)
;;; pen-block-inert.el ends here
