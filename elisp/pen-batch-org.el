;;; pen-batch-org.el --- Run the blocks of an org file in a script -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The blocks of pen in a file run one after the other, those within a line too.
;; The file is saved after each, so that what was paid for with time outlives
;; whatever comes next.

;;; Code:

(require 'org)
(require 'ob-core)
(require 'ob-pen)
(require 'pen-rpc-error)
(require 'pen-batch)

;;;; Internal variables

(defconst pen-batch-org--blocks "^[ \t]*#\\+begin_src[ \t]+pen\\>\\|\\<src_pen[[{]"
  "What begins a block of pen.")

;;;; Declarations

(declare-function org-element-property "org-element" (property element))
(declare-function org-element-type "org-element" (element))

;;;; Functions

(defun pen-batch-org-execute (file options)
  "Run the blocks of pen in FILE as OPTIONS say; return the exit codes of failures."
  (unless (and (file-regular-p file) (file-readable-p file))
    (user-error "%s is no file that can be read; give org files" file))
  (let ((other (file-locked-p file)))
    (when (stringp other)
      (pen-batch-org--refuse file "is being edited by %s; save it there first" other)))
  (with-current-buffer (find-file-noselect file)
    (unless (derived-mode-p 'org-mode)
      (org-mode))
    (goto-char (point-min))
    (let ((case-fold-search t) codes)
      (while (re-search-forward pen-batch-org--blocks nil t)
        (when-let ((start (pen-batch-org--start)))
          (save-excursion
            (goto-char start)
            (when-let ((code (pen-batch-org--block file options)))
              (push code codes)))
          (pen-batch-org--save file)))
      (nreverse codes))))

(defun pen-batch-org--start ()
  "Return where the block before point begins, nil if it is none or a result."
  (let ((element (save-match-data (org-element-context))))
    (pcase (org-element-type element)
      ('src-block (and (not (org-element-property :results element))
                       (org-element-property :post-affiliated element)))
      ('inline-src-block (org-element-property :begin element)))))

(defun pen-batch-org--block (file options)
  "Run the block at point, in FILE, as OPTIONS say.
If it fails, print where and why, and return the exit code."
  (condition-case err
      (save-excursion
        (pen-batch-org--consent options)
        (let ((org-confirm-babel-evaluate
               (if (plist-get options :yes)
                   (lambda (language _) (not (equal language "pen")))
                 org-confirm-babel-evaluate)))
          (org-babel-execute-src-block))
        nil)
    ((error quit)
     (pen-batch-org--check-unchanged file)
     (princ (format "%s:%d: %s\n" file (line-number-at-pos) (pen-batch-sentence err)))
     (pen-batch-exit-code err))))

(defun pen-batch-org--consent (options)
  "Refuse to run the block at point if org would ask and OPTIONS do not answer.
--yes answers for blocks of pen alone, and not for one that has :eval query."
  (let ((info (org-babel-get-src-block-info 'light)))
    (when (and (eq 'query (org-babel-check-confirm-evaluate info))
               (or (not (plist-get options :yes))
                   (equal "query" (cdr (assq :eval (nth 2 info))))))
      (pen-rpc-signal
       (list :kind 'refused
             :message (if (plist-get options :yes)
                          "The block has :eval query, and nobody can be asked; remove that."
                        "Nobody can be asked whether to run this block; give --yes, or set `org-confirm-babel-evaluate'."))))))

(defun pen-batch-org--save (file)
  "Save this buffer of FILE, unless somebody else has."
  (when (buffer-modified-p)
    (pen-batch-org--check-unchanged file)
    (let ((make-backup-files nil))
      (save-buffer))))

(defun pen-batch-org--check-unchanged (file)
  "Refuse FILE, that of this buffer, if it is no more what was read."
  (unless (verify-visited-file-modtime)
    (pen-batch-org--refuse file "was changed by somebody else while its blocks ran, and stays as they left it; run it again")))

(defun pen-batch-org--refuse (file format &rest arguments)
  "Signal that FILE cannot be worked on: FORMAT with ARGUMENTS."
  (pen-rpc-signal (list :kind 'refused
                        :message (concat file " " (apply #'format format arguments) "."))))

(provide 'pen-batch-org)
;;; pen-batch-org.el ends here
