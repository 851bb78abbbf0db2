;;; pen-block-source.el --- What an org block reads elsewhere in its file -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Records come from a table or block with a #+name:, from a file, from the
;; block's own body, or from the sources of a definition.  A conversation is
;; the blocks of the same :session above, with their results.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'org)
(require 'org-table)
(require 'ob-core)
(require 'pen-source)

;;;; Declarations

(declare-function org-element-property "org-element" (property element))
(declare-function org-element-type "org-element" (element))

;;;; Functions: records

(defun pen-block-source (name body line)
  "Return where the records of a block come from: :dataset NAME, or BODY.
BODY stands at LINE.  The value is a `pen-source', the directory of a
training set, or nil: NAME is that of a definition, or there is none."
  (cond ((null name)
         (unless (string-blank-p body)
           (pen-block-source--text body "auto" line)))
        ((pen-block-source--named name))
        ((file-directory-p name) (directory-file-name (expand-file-name name)))
        ((or (file-exists-p name) (string-match-p "/\\|\\.[a-z]+\\'" name))
         (pen-source-file name))))

(defun pen-block-source--text (text reader line)
  "Return TEXT, which stands at LINE of this buffer, as a source for READER."
  (let ((name (pen-source-buffer-name)))
    (with-temp-buffer
      (insert text)
      (let ((source (pen-source-region (point-min) (point-max))))
        (setf (pen-source-name source) name
              (pen-source-reader source) reader
              (pen-source-line source) line)
        source))))

(defun pen-block-source--named (name)
  "Return what stands in this buffer under #+name: NAME as a source, or nil."
  (when-let ((element (pen-block-source--element name)))
    (org-with-wide-buffer
     (goto-char (org-element-property :post-affiliated element))
     (let ((line (line-number-at-pos)))
       (pcase (org-element-type element)
         ('table (pen-block-source--text
                  (pen-block-source--bars (orgtbl-to-csv (remq 'hline (org-table-to-lisp)) nil))
                  "table" line))
         ('src-block (pen-block-source--block element (1+ line)))
         ('example-block (pen-block-source--text (org-element-property :value element)
                                                 "auto" (1+ line)))
         (_ (pen-block-source--text
             (buffer-substring-no-properties (point) (org-element-property :end element))
             "org" line)))))))

(defun pen-block-source--bars (text)
  "Return TEXT of a table with the bars that org has no other way to write."
  (replace-regexp-in-string "\\\\vert\\(?:{}\\|\\>\\)" "|" text t t))

(defun pen-block-source--element (name)
  "Return the element with #+name: NAME of this buffer, or nil."
  (org-with-wide-buffer
   (goto-char (point-min))
   (let ((case-fold-search t))
     (cl-loop while (re-search-forward (org-babel-named-data-regexp-for-name name) nil t)
              for element = (org-element-at-point)
              when (equal name (org-element-property :name element))
              return element))))

(defun pen-block-source--block (element line)
  "Return ELEMENT, a block whose body is at LINE, as a source.
A block of pen stands for the file that it has written."
  (let* ((info (org-babel-get-src-block-info 'light element))
         (file (and (equal "pen" (car info)) (cdr (assq :file (nth 2 info))))))
    (cond (file (pen-source-file file))
          ((string-blank-p (nth 1 info))
           (user-error "The block %s is empty; give it records or a :file" (nth 4 info)))
          (t (pen-block-source--text (nth 1 info) "auto" line)))))

;;;; Functions: conversations

(defun pen-block-source-turns (session prompt)
  "Return what was said above point in the conversation SESSION with PROMPT.
Each turn is a pair of what a block said and what was answered.  PROMPT
nil is that of blocks that name none."
  (let ((here (point)) (case-fold-search t) turns)
    (org-with-wide-buffer
     (let ((anywhere (pen-block-source--inherited-p)))
       (goto-char (point-min))
       (while (re-search-forward "^[ \t]*#\\+begin_src[ \t]+pen\\>" here t)
         (save-excursion
           (when-let ((turn (and (< (line-end-position) here)
                                 (or anywhere (pen-block-source--names-p session))
                                 (pen-block-source--turn session prompt))))
             (push turn turns))))))
    (nreverse turns)))

(defun pen-block-source--inherited-p ()
  "Return non-nil if blocks of this buffer may have a session from elsewhere."
  (goto-char (point-min))
  (re-search-forward "header-args[^\n]*:session\\>" nil t))

(defun pen-block-source--names-p (session)
  "Return non-nil if the lines that head the block at point name SESSION.
Reading its arguments as org does takes a millisecond or two."
  (let ((end (line-end-position)))
    (save-excursion
      (while (and (zerop (forward-line -1)) (looking-at-p "[ \t]*#\\+header")))
      (search-forward session end t))))

(defun pen-block-source--turn (session prompt)
  "Return the turn of the block at point, if it is of SESSION with PROMPT."
  (let* ((info (org-babel-get-src-block-info 'light))
         (params (nth 2 info)))
    (when (and info
               (equal session (cdr (assq :session params)))
               (equal prompt (cdr (assq :prompt params)))
               (not (string-blank-p (nth 1 info))))
      (when-let ((answer (pen-block-source--answer info)))
        (list (nth 1 info) answer)))))

(defun pen-block-source--answer (info)
  "Return the first text in the result of the block with INFO, or nil."
  (when-let ((place (org-babel-where-is-src-block-result nil info)))
    (goto-char place)
    (forward-line)
    (let ((text (if-let ((file (cdr (assq :file (nth 2 info)))))
                    (pen-block-source--read (expand-file-name file (cdr (assq :dir (nth 2 info)))))
                  (pen-block-source--plain
                   (buffer-substring-no-properties (point) (org-babel-result-end))
                   (seq-intersection (cdr (assq :result-params (nth 2 info)))
                                     '("list" "table" "vector"))))))
      (unless (or (string-blank-p text) (string-prefix-p "pen: " text))
        text))))

(defun pen-block-source--read (file)
  "Return the text of FILE, nothing if it is no more."
  (if (file-regular-p file)
      (with-temp-buffer
        (insert-file-contents file)
        (string-trim (buffer-string) "\n+" "\n+"))
    ""))

(defun pen-block-source--plain (result lines-p)
  "Return the first text in RESULT as the model wrote it.
LINES-P says that each text is a line, of a list or a table."
  (let* ((case-fold-search t)
         (lines (seq-remove
                 (lambda (line)
                   (string-match-p "\\`[ \t]*\\(?::\\(?:results\\|end\\):\\|#\\+\\(?:begin\\|end\\)_.*\\)[ \t]*\\'"
                                   line))
                 (split-string (string-replace "\u200b" "" result) "\n")))
         (mark (cond (lines-p "\\`- \\|\\`| +\\| +|\\'")
                     ((seq-every-p (lambda (line) (string-match-p "\\`\\(?::\\|\\'\\)" line)) lines)
                      "\\`: ?")
                     (t regexp-unmatchable))))
    (string-trim
     (mapconcat (lambda (line)
                  (thread-last line
                               (replace-regexp-in-string mark "")
                               (funcall (if lines-p #'pen-block-source--bars #'identity))
                               (replace-regexp-in-string
                                "\\`\\([ \t]*\\),\\(,*\\(?:\\*\\|#\\+\\|:end:\\)\\)" "\\1\\2")))
                (if lines-p (list (car lines)) lines) "\n")
     "\n+" "\n+")))

(provide 'pen-block-source)
;;; pen-block-source.el ends here
