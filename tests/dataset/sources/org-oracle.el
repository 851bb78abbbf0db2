;;; org-oracle.el --- What Org itself makes of a file -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Run by test_org.py: write a file with Org's own commands, and print what Org finds in a file as JSON.

;;; Code:

(require 'org)
(require 'org-clock)
(require 'org-element)
(require 'json)

(setq org-clock-into-drawer t
      org-log-into-drawer t
      org-inhibit-startup t
      org-adapt-indentation nil
      make-backup-files nil)

(defun oracle-write (file)
  "Write FILE with the commands that people use."
  (find-file file)
  (insert "#+title: Written by Org\n#+filetags: :all:\n#+todo: TODO WAIT | DONE\n\n")
  (org-mode)
  (org-insert-heading nil nil t)
  (insert "Riddles")
  (org-set-tags '("train" "kind"))
  (org-entry-put nil "PEN_WEIGHTS" "0.3 0.7")
  (org-entry-put nil "LABEL" "riddle")
  (goto-char (point-max))
  (org-insert-heading nil nil t)
  (org-demote)
  (insert "What has [[https://example.org][keys]] but no locks?")
  (org-todo "WAIT")
  (org-priority ?B)
  (org-set-tags '("val"))
  (org-schedule nil "2026-01-02")
  (org-deadline nil "2026-01-03")
  (org-clock-in)
  (org-clock-out)
  (goto-char (point-max))
  (insert "\nA piano.\n\nAlso a map.\n")
  (org-insert-drawer nil "NOTES")
  (insert "Hidden.")
  (goto-char (point-max))
  (insert "\n#+begin_src text\n" (org-escape-code-in-string "* no heading\n#+nothing\n,* with a comma\n  indented\n")
          "#+end_src\n")
  (org-insert-heading nil nil t)
  (insert "Pairs")
  (end-of-line)
  (insert "\n| prompt | completion |\n|-\n| one | 1 |\n| a \\vert{} b | longer text |\n|-\n| <l> | |\n| last | row |\n")
  (forward-line -1)
  (org-table-align)
  (goto-char (org-table-end))
  (insert "#+TBLFM: $2=1\n")
  (org-insert-heading nil nil t)
  (insert "Lists")
  (end-of-line)
  (insert "\n- first")
  (org-insert-item)
  (insert "second\n  goes on")
  (org-insert-item 'checkbox)
  (insert "third")
  (org-toggle-checkbox)
  (org-insert-item)
  (insert "inner")
  (org-indent-item)
  (goto-char (point-max))
  (insert "\n- term :: its text\n- empty term ::\n\n1. one\n2. two\n")
  (save-buffer))

(defun oracle-text (data)
  "Return the plain text of DATA."
  (org-link-display-format (string-trim (substring-no-properties (org-element-interpret-data data)))))

(defun oracle-line (position)
  "Return the line of POSITION."
  (line-number-at-pos position t))

(defun oracle-item (item)
  "Return the place and the term of ITEM, which stands in no other."
  (list :line (oracle-line (org-element-property :begin item))
        :term (let ((tag (org-element-property :tag item))) (and tag (oracle-text tag)))
        :text (let ((first (car (org-element-contents item))))
                (and (eq (org-element-type first) 'paragraph) (oracle-text first)))))

(defun oracle-read (file)
  "Return what Org finds in FILE."
  (find-file file)
  (let ((tree (org-element-parse-buffer)))
    (list
     :headings (vconcat
                (org-map-entries
                 (lambda ()
                   (list :line (oracle-line (point))
                         :title (org-link-display-format (substring-no-properties (org-get-heading t t t t)))
                         :todo (org-get-todo-state)
                         :comment (if (org-in-commented-heading-p) t :json-false)
                         :weights (org-entry-get nil "PEN_WEIGHTS" t)
                         :tags (vconcat (sort (mapcar #'substring-no-properties (org-get-tags)) #'string<))))))
     :items (vconcat
             (org-element-map tree 'item
               (lambda (item)
                 (unless (eq (org-element-type (org-element-property :parent (org-element-property :parent item)))
                             'item)
                   (oracle-item item)))))
     :tables (vconcat
              (org-element-map tree 'table
                (lambda (table)
                  (save-excursion
                    (goto-char (org-element-property :post-affiliated table))
                    (vconcat
                     (mapcar (lambda (row) (if (eq row 'hline) "rule" (vconcat (mapcar #'substring-no-properties row))))
                             (org-table-to-lisp))))))))))

(let ((json-encoding-pretty-print nil)
      (json-null nil))
  (oracle-write (car command-line-args-left))
  (princ (json-encode (vconcat (mapcar #'oracle-read command-line-args-left)))))

;;; org-oracle.el ends here
