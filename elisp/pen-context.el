;;; pen-context.el --- The text before point, as a model goes on from it -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A model is asked with plain items, one a line: the region, or the lines
;; before point up to an empty line or a heading, without their bullets.  What
;; it writes gets the line break and the bullets that the buffer has.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-text)
(require 'pen-prompt)

;;;; Customization

(defcustom pen-context-characters 1000
  "How much text before point a completion may look at, in characters."
  :type 'natnum
  :group 'pen)

;;;; Internal variables

(cl-defstruct (pen-context (:constructor pen-context--make) (:copier nil))
  "TEXT before POSITION, and what a completion there begins with.
LEAD is the line break before the first item, TAIL the one after the
last, BULLET stands before each, BULLETED says that the first has one
already; all of that only counts if ITEMS: the model continues a list."
  text position lead tail bullet bulleted (items t))

(defconst pen-context--bullet "^[ \t]*[-+][ \t]+"
  "What a list item begins with.")

;;;; Functions

(defun pen-context-at-point ()
  "Return the context at point, or say that there is none."
  (let ((context (pen-context-make)))
    (when (string-blank-p (pen-context-text context))
      (user-error "There is no text before point; write or mark a pun first"))
    context))

(defun pen-context-again (before)
  "Return the context at point for text of the kind that BEFORE was made for.
There need not be any text here."
  (let ((context (pen-context-make)))
    (setf (pen-context-items context) (pen-context-items before))
    context))

(defun pen-context-plain ()
  "Return the context at point for text that is put there as it is."
  (pen-context--make :text "" :position (point) :items nil))

(defun pen-context-make ()
  "Return the context of the region or, without one, of point."
  (let* ((region (use-region-p))
         (end (if region (region-end) (point)))
         (start (if region (region-beginning) (pen-context--start end)))
         (fresh (pen-context--fresh-line-p end)))
    (pcase-let ((`(,text ,bullet ,bulleted)
                 (pen-context--plain (pen-text-substring start end))))
      (pen-context--make
       :text text :bullet bullet :bulleted bulleted :position end
       :lead (if fresh "" "\n")
       :tail (if (and fresh (pen-context--text-after-p end)) "\n" "")))))

(defun pen-context--start (end)
  "Return where the lines before END begin that belong together."
  (save-excursion
    (goto-char end)
    (let ((limit (max (point-min) (- end pen-context-characters))))
      (skip-chars-backward " \t\n" limit)
      (beginning-of-line)
      (while (and (> (point) limit)
                  (save-excursion
                    (forward-line -1)
                    (and (>= (point) limit)
                         (not (looking-at-p "[ \t]*$\\|\\*+ \\|[ \t]*#\\+")))))
        (forward-line -1))
      (when (looking-at-p "\\*+ \\|[ \t]*#\\+")
        (forward-line 1))
      (min end (max limit (point))))))

(defun pen-context--plain (text)
  "Return (PLAIN BULLET BULLETED) of TEXT.
PLAIN is without bullets and blanks at the ends of lines, BULLET that
of the last line with text, or nil, and BULLETED says that TEXT ends
with one.  In a buffer: strings for each of thousands of lines are many."
  (with-temp-buffer
    (insert text)
    (let ((bulleted (progn (forward-line 0)
                           (looking-at-p (concat pen-context--bullet "\\'"))))
          (bullet (progn (goto-char (point-max))
                         (skip-chars-backward " \t\n")
                         (forward-line 0)
                         (and (looking-at pen-context--bullet) (match-string 0)))))
      (dolist (blank (list pen-context--bullet "[ \t\r]+$"))
        (goto-char (point-min))
        (while (re-search-forward blank nil t)
          (replace-match "" t t)
          (unless (eobp)                ; or a second bullet would go, too
            (forward-char))))
      (list (buffer-string) bullet bulleted))))

(defun pen-context--fresh-line-p (position)
  "Return non-nil if nothing but a bullet stands before POSITION on its line."
  (save-excursion
    (goto-char position)
    (let ((before (buffer-substring-no-properties
                   (max (line-beginning-position) (- position 100)) position)))
      (or (string-blank-p before)
          (string-match-p (concat pen-context--bullet "\\'") before)))))

(defun pen-context--text-after-p (position)
  "Return non-nil if there is text after POSITION on its line."
  (save-excursion
    (goto-char position)
    (not (looking-at-p "[ \t]*$"))))

(defun pen-context-values (context definition)
  "Return the values with which CONTEXT fills DEFINITION, as the wire wants them."
  (let* ((inputs (pen-prompt-inputs definition))
         (variable (car inputs)))
    (unless variable
      (user-error "The prompt \"%s\" takes no text to continue; choose another `pen-pun-prompt'"
                  (plist-get definition :slug)))
    (when-let ((missing (seq-remove (lambda (each) (plist-get each :default)) (cdr inputs))))
      (user-error "The prompt \"%s\" also needs %s; M-x pen-run-prompt-function asks for it"
                  (plist-get definition :slug)
                  (mapconcat (lambda (each) (plist-get each :name)) missing ", ")))
    (setf (pen-context-items context) (pen-prompt-list-p variable))
    (list (list (plist-get variable :name) (pen-context-text context)))))

(defun pen-context-dress (context text)
  "Return TEXT as it is to stand in the buffer at CONTEXT."
  (if (not (pen-context-items context))
      text
    (let* ((bullet (or (pen-context-bullet context) ""))
           (dressed (pen-context--items text bullet)))
      (concat (pen-context-lead context)
              (if (and (pen-context-bulleted context) (not (string-empty-p dressed)))
                  (substring dressed (length bullet))
                dressed)
              (pen-context-tail context)))))

(defun pen-context--items (text bullet)
  "Return the lines of TEXT that are not empty, BULLET before each.
In a buffer: strings for each of thousands of lines are many."
  (with-temp-buffer
    (insert text)
    (dolist (blank '("[ \t]+$\\|^[ \t]+" "^\n"))
      (goto-char (point-min))
      (while (re-search-forward blank nil t)
        (replace-match "" t t)))
    (when (eq (char-before (point-max)) ?\n)
      (delete-region (1- (point-max)) (point-max)))
    (goto-char (point-min))
    (while (not (eobp))
      (insert bullet)
      (forward-line 1))
    (buffer-string)))

(provide 'pen-context)
;;; pen-context.el ends here
